"""Cloud Storage: what lies in the buckets."""

import base64
import hashlib
import json
import re
from email import message_from_bytes
from email.policy import HTTP
from functools import cache

from cloud.refusals import Refusal
from cloud.routes import Call, answers
from cloud.storage import STALE, merge
from cloud.web import JSON, Answer
from cloud.world import now

BUCKET = "buckets/{bucket}"
OBJECT = "buckets/{bucket}/objects/{object}"
SAID = frozenset(
    "contentType metadata cacheControl contentEncoding contentDisposition contentLanguage customTime storageClass".split()
)


@answers("GET storage/storage/v1/b/{bucket}/o", needs="storage.objects.list", on=BUCKET)
def list_all(call: Call, bucket: str) -> JSON:
    prefix, delimiter = call.request.asks("prefix"), call.request.asks("delimiter")
    every_version = call.request.wants("versions")
    found, folders = [], set()
    for each in _lying(call, bucket):
        if not each["name"].startswith(prefix) or (_past(each) and not every_version):
            continue
        rest = each["name"][len(prefix) :]
        if delimiter and delimiter in rest:
            folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
        else:
            found.append(each)
    return {
        "kind": "storage#objects",
        **({"items": found} if found else {}),
        **({"prefixes": sorted(folders)} if folders else {}),
    }


@answers("GET storage/storage/v1/b/{bucket}/managedFolders", needs="storage.managedFolders.list", on=BUCKET)
def folders(call: Call, bucket: str) -> JSON:
    """None: folders with policies of their own are nothing that we make."""
    return {"kind": "storage#managedFolders"}


@answers("POST storage/upload/storage/v1/b/{bucket}/o", needs="storage.objects.create", on=BUCKET)
@answers("POST storage/resumable/upload/storage/v1/b/{bucket}/o", needs="storage.objects.create", on=BUCKET)
def upload(call: Call, bucket: str) -> JSON | Answer:
    match call.request.asks("uploadType"):
        case "multipart":
            said, content = _parts(call)
        case "media":
            said, content = {"contentType": call.request.headers.get("content-type", "")}, call.request.content
        case "resumable":
            return _begin(call, bucket)
        case kind:
            raise Refusal(400, f"Unknown upload type {kind}")
    return _put(call, bucket, said.get("name") or call.request.asks("name"), said, content)


@answers("PUT storage/upload/storage/v1/b/{bucket}/o", on=BUCKET)
@answers("PUT storage/resumable/upload/storage/v1/b/{bucket}/o", on=BUCKET)
def upload_more(call: Call, bucket: str) -> JSON | Answer:
    ticket = f"uploads/{call.request.asks('upload_id')}"
    if ticket not in call.world.uploads:
        raise Refusal(404, "The upload does not exist.")
    said, so_far = call.world.uploads[ticket]
    so_far += call.request.content
    part = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", call.request.headers.get("content-range", ""))
    if part and (part[3] == "*" or len(so_far) < int(part[3])):
        call.world.uploads[ticket] = said, so_far
        return Answer(308, None, {"Range": f"bytes=0-{len(so_far) - 1}"} if so_far else {})
    del call.world.uploads[ticket]
    return _put(call, bucket, said["name"], said, so_far)


@answers("GET storage/storage/v1/b/{bucket}/o/{object}", needs="storage.objects.get", on=OBJECT)
@answers("GET storage/download/storage/v1/b/{bucket}/o/{object}", needs="storage.objects.get", on=OBJECT)
def read(call: Call, bucket: str, object: str) -> JSON | Answer:
    name = _name(call, bucket, object)
    found = call.world.resources[name]
    if call.request.asks("alt") != "media":
        return found
    content, sums = call.world.content[name], f"crc32c={found['crc32c']},md5={found['md5Hash']}"
    headers = {"X-Goog-Hash": sums, "X-Goog-Generation": found["generation"], "Content-Type": found["contentType"],
               "X-Goog-Stored-Content-Length": str(len(content)), "ETag": found["etag"]}  # fmt: skip
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", call.request.headers.get("range", ""))
    if not wanted or not content:
        return Answer(200, content, headers)
    first, last = int(wanted[1]), min(int(wanted[2] or len(content) - 1), len(content) - 1)
    if first > last:
        return Answer(416, b"", headers)
    return Answer(206, content[first : last + 1], {**headers, "Content-Range": f"bytes {first}-{last}/{len(content)}"})


@answers("PATCH storage/storage/v1/b/{bucket}/o/{object}", needs="storage.objects.update", on=OBJECT)
def update(call: Call, bucket: str, object: str) -> JSON:
    found = call.world.resources[_name(call, bucket, object)]
    merge(found, call.body)
    found["metageneration"] = str(int(found["metageneration"]) + 1)
    return found


@answers("DELETE storage/storage/v1/b/{bucket}/o/{object}", needs="storage.objects.delete", on=OBJECT)
def delete(call: Call, bucket: str, object: str) -> Answer:
    name = _name(call, bucket, object)
    if call.request.asks("generation") or not _keeps(call, bucket):
        del call.world.resources[name], call.world.content[name]
    else:
        _bury(call, name)
    return Answer(204)


def _begin(call: Call, bucket: str) -> Answer:
    said = {**call.body, "name": call.body.get("name") or call.request.asks("name")}
    number = f"upload{next(call.world.numbers)}"
    call.world.uploads[f"uploads/{number}"] = said, b""
    where = f"https://storage.googleapis.com/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={number}"
    return Answer(200, {}, {"Location": where, "X-GUploader-UploadID": number})


def _parts(call: Call) -> tuple[JSON, bytes]:
    kind = call.request.headers["content-type"].replace("'", '"')  # gcloud puts its boundary between single quotes
    boundary = re.search(r'boundary="?([^";]+)', kind)
    if not boundary:
        raise Refusal(400, "Multipart content without a boundary.")
    _, first, second, *_ = re.split(rb"\r?\n?--" + re.escape(boundary[1].encode()), call.request.content)
    (_, said), (about, content) = (
        re.split(rb"\r?\n\r?\n", part.lstrip(b"\r\n"), maxsplit=1) for part in (first, second)
    )
    kind = message_from_bytes(about, policy=HTTP).get("content-type", "application/octet-stream")
    return {"contentType": str(kind), **json.loads(said)}, content


def _put(call: Call, bucket: str, short: str, said: JSON, content: bytes) -> JSON:
    world, name = call.world, f"buckets/{bucket}/objects/{short}"
    stands = world.resources.get(name)
    if (wanted := call.request.asks("ifGenerationMatch")) and wanted != (stands["generation"] if stands else "0"):
        raise STALE
    if stands:
        call.needs("storage.objects.delete", on=name)
        if _keeps(call, bucket):
            _bury(call, name)
    generation = f"{1700000000000000 + next(world.numbers)}"
    world.content[name] = content
    world.resources[name] = {
        "kind": "storage#object", "id": f"{bucket}/{short}/{generation}", "name": short, "bucket": bucket, "generation": generation,
        "metageneration": "1", "size": str(len(content)), "storageClass": "STANDARD", "timeCreated": now(), "updated": now(),
        "contentType": "application/octet-stream", "etag": "CAE=", "md5Hash": base64.b64encode(hashlib.md5(content).digest()).decode(),
        "crc32c": base64.b64encode(crc32c(content).to_bytes(4)).decode(),
        "mediaLink": f"https://storage.googleapis.com/download/storage/v1/b/{bucket}/o/{short.replace('/', '%2F')}?alt=media",
        **{key: value for key, value in said.items() if key in SAID and value},
    }  # fmt: skip
    return world.resources[name]


def _lying(call: Call, bucket: str) -> list[JSON]:
    start = f"buckets/{bucket}/objects/"
    return [found for name, found in sorted(call.world.resources.items()) if name.startswith(start)]


def _name(call: Call, bucket: str, short: str) -> str:
    """The name of the object, or of that past generation of it which is asked for."""
    name = f"buckets/{bucket}/objects/{short}"
    live = call.world.resources.get(name)
    wanted = call.request.asks("generation")
    if wanted and (live is None or live["generation"] != wanted):
        name = f"{name}#{wanted}"
    if name not in call.world.resources:
        call.needs("storage.objects.list", f"buckets/{bucket}")  # who may not list is not told what is missing
        raise Refusal(404, f"No such object: {bucket}/{short}")
    if (
        call.request.asks("ifGenerationMatch", call.world.resources[name]["generation"])
        != call.world.resources[name]["generation"]
    ):
        raise STALE
    return name


def _keeps(call: Call, bucket: str) -> bool:
    return bool(call.world.resources[f"buckets/{bucket}"].get("versioning", {}).get("enabled"))


def _past(found: JSON) -> bool:
    return "timeDeleted" in found


def _bury(call: Call, name: str) -> None:
    found = call.world.resources.pop(name)
    past = f"{name}#{found['generation']}"
    call.world.resources[past] = {**found, "timeDeleted": now()}
    call.world.content[past] = call.world.content.pop(name)


def crc32c(content: bytes) -> int:
    table, value = _table(), 0xFFFFFFFF
    for byte in content:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    def entry(value: int) -> int:
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        return value

    return tuple(entry(byte) for byte in range(256))
