"""The container registry: images pushed, pulled and looked up.

An image's manifest is a version of its package, as Artifact Registry names it; its layers lie beside the packages, under blobs.
`files` is for what runs an image without a container: the files that its layers come to.
"""

import base64
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from cloud.refusals import Refusal, Unknown, disabled
from cloud.routes import TITLES, Call, answers
from cloud.web import JSON, Answer, Request
from cloud.world import World, member, now

API = "artifactregistry.googleapis.com"
READ, WRITE = (f"artifactregistry.repositories.{verb}Artifacts" for verb in ("download", "upload"))
HOST = re.compile(r"([a-z0-9-]+)-docker\.pkg\.dev")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
NOBODY = "anonymous"
LISTS = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
KINDS = (
    *LISTS,
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


@dataclass(frozen=True, slots=True)
class Place:
    """An image, without a tag: the repository that it is in, and its name there."""

    repository: str
    image: str

    @property
    def package(self) -> str:
        return f"{self.repository}/packages/{self.image.replace('/', '%2F')}"

    @property
    def uri(self) -> str:
        _, project, _, location, _, repository = self.repository.split("/")
        return f"{location}-docker.pkg.dev/{project.replace(':', '/')}/{repository}/{self.image}"

    def version(self, digest: str) -> str:
        return f"{self.package}/versions/{digest}"

    def tag(self, tag: str) -> str:
        return f"{self.package}/tags/{tag}"

    def blob(self, digest: str) -> str:
        return f"{self.repository}/blobs/{digest}"


# ------------------------------------------------------------------------------- what an image holds


def files(world: World, reference: str, under: str) -> Mapping[str, bytes]:
    """The files of an image below a path, named from there: `files(world, "HOST/P/R/image@sha256:...", "pipelines/component/src")`.

    Layers are applied in order, with what they delete; symbolic links are left out. An image that is not there is a LookupError.
    """
    place, digest = find(world, reference)
    under = under.strip("/")
    found: dict[str, bytes] = {}
    for layer in _layers(world, place, digest):
        _apply(found, world.content[place.blob(layer)], under)
    start = f"{under}/" if under else ""
    return {name.removeprefix(start): content for name, content in sorted(found.items())}


def find(world: World, reference: str) -> tuple[Place, str]:
    """Where an image is, and the digest of what its tag stands for; a LookupError if it is nowhere."""
    parted = re.fullmatch(r"([^/]+)/(.+?)(?::([\w][\w.-]*))?(?:@(sha256:[0-9a-f]{64}))?", reference)
    location = parted and HOST.fullmatch(parted[1])
    if not parted or not location:
        raise LookupError(f"{reference} is not the name of an image in Artifact Registry")
    place = _place(location[1], parted[2])
    digest = parted[4] or _tagged(world, place, parted[3] or "latest")
    if place.version(digest) not in world.resources:
        raise LookupError(f"{reference} is not in the registry")
    return place, digest


def _place(location: str, path: str) -> Place:
    """`PROJECT/REPOSITORY/IMAGE`, where the project of an old organisation is two steps of it."""
    parts = path.split("/")
    project = f"{parts[0]}:{parts.pop(1)}" if "." in parts[0] and len(parts) > 3 else parts[0]
    if len(parts) < 3:
        raise LookupError(f"{path} is not PROJECT/REPOSITORY/IMAGE")
    return Place(f"projects/{project}/locations/{location}/repositories/{parts[1]}", "/".join(parts[2:]))


def _tagged(world: World, place: Place, tag: str) -> str:
    found = world.resources.get(place.tag(tag))
    return found["version"].rpartition("/")[2] if found else ""


def _layers(world: World, place: Place, digest: str) -> list[str]:
    manifest = json.loads(world.content[place.version(digest)])
    if "manifests" not in manifest:
        return [each["digest"] for each in manifest["layers"]]
    ours = [each for each in manifest["manifests"] if each.get("platform", {}).get("architecture") == "amd64"]
    return _layers(world, place, (ours or manifest["manifests"])[0]["digest"])


def _apply(found: dict[str, bytes], layer: bytes, under: str) -> None:
    """Deletions first: they are of what lies in the layers below."""
    added: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        for each in archive:
            path = each.name.removeprefix("./").strip("/")
            folder, _, name = path.rpartition("/")
            if name == ".wh..wh..opq":
                _remove(found, folder, itself=False)
            elif name.startswith(".wh."):
                _remove(found, f"{folder}/{name[4:]}".lstrip("/"))
            elif not each.isdir():
                _remove(found, path)
                if _within(path, under) and (each.isfile() or each.islnk()):
                    opened = archive.extractfile(each)
                    added[path] = opened.read() if opened else b""
    found.update(added)


def _within(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


def _remove(found: dict[str, bytes], path: str, itself: bool = True) -> None:
    for each in [each for each in found if (itself and each == path) or _within(each, path)]:
        del found[each]


# ------------------------------------------------------------------------------- what clients of registries say


def serves(host: str) -> bool:
    return bool(HOST.fullmatch(host))


def answer(world: World, request: Request) -> Answer:
    """As the distribution API has it; its errors have a shape of their own."""
    try:
        return _answer(world, request)
    except Refusal as refusal:
        headers = {"WWW-Authenticate": _challenge(request.host)} if refusal.status == 401 else {}
        return Answer(refusal.status, {"errors": [{"code": refusal.code, "message": refusal.message}]}, headers)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request to the registry that is understood: of whom, and about which image."""

    world: World
    request: Request
    who: str
    place: Place

    def needs(self, permission: str) -> None:
        repository, world = self.place.repository, self.world
        project = world.project_of(repository)
        if project and API not in project.services:
            raise Refusal(403, disabled(API, TITLES["artifactregistry"], project.number).message, code="DENIED")
        if not world.permits(self.who, permission, repository):
            raise Refusal(403, f'Permission "{permission}" denied on resource "{repository}" (or it may not exist)', code="DENIED")  # fmt: skip
        if repository not in world.resources:
            raise Refusal(404, f'Repository "{repository.rpartition("/")[2]}" not found', code="NAME_UNKNOWN")
        if world.resources[repository].get("format") != "DOCKER":
            raise Refusal(400, f"{repository} is not a Docker repository", code="UNSUPPORTED")


def _answer(world: World, request: Request) -> Answer:
    if request.path == "/v2/token":
        return _token(world, request)
    who = _who(world, request)
    if request.path in ("/v2/", "/v2"):
        return Answer(200, {}, {"Docker-Distribution-API-Version": "registry/2.0"})
    for method, pattern, permission, handler in ASKED:
        if request.method in method.split() and (found := re.fullmatch(pattern, request.path)):
            name, *rest = found.groups()
            visit = Visit(world, request, who, _asked_place(request.host, name))
            visit.needs(permission)
            return handler(visit, *rest)
    raise Unknown(request.line)


def _asked_place(host: str, name: str) -> Place:
    location = HOST.fullmatch(host)
    assert location
    try:
        return _place(location[1], name)
    except LookupError as error:
        raise Refusal(400, str(error), code="NAME_INVALID") from None


def _challenge(host: str) -> str:
    return f'Bearer realm="https://{host}/v2/token",service="{host}"'


def _token(world: World, request: Request) -> Answer:
    """What a client asks for after the challenge: ours is the access token that it comes with."""
    given = _given(request)
    if given and given not in world.tokens:
        raise Refusal(401, "authentication failed", code="UNAUTHORIZED")
    return Answer(200, {"token": given or NOBODY, "expires_in": 3600})


def _who(world: World, request: Request) -> str:
    given = _given(request)
    if given == NOBODY:
        return "allUsers"
    if given not in world.tokens:
        raise Refusal(401, "authentication required", code="UNAUTHORIZED")
    return member(world.tokens[given])


def _given(request: Request) -> str:
    """The access token, by itself or as the password of oauth2accesstoken."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind == "Basic":
        name, _, given = base64.b64decode(given).decode().partition(":")
        if name != "oauth2accesstoken":
            raise Unknown(f"{name} as the name of a caller of the registry")
    return given


def _show_manifest(visit: Visit, reference: str) -> Answer:
    digest = _digest_of(visit, reference)
    name = visit.place.version(digest)
    kind = visit.world.resources[name]["metadata"]["mediaType"]
    return Answer(200, visit.world.content[name], {"Content-Type": kind, "Docker-Content-Digest": digest})


def _digest_of(visit: Visit, reference: str) -> str:
    digest = reference if DIGEST.fullmatch(reference) else _tagged(visit.world, visit.place, reference)
    if visit.place.version(digest) not in visit.world.resources:
        raise Refusal(404, f"Failed to fetch {json.dumps(reference)}", code="MANIFEST_UNKNOWN")
    return digest


def _put_manifest(visit: Visit, reference: str) -> Answer:
    content, place = visit.request.content, visit.place
    digest, kind = digest_of(content), visit.request.headers.get("content-type", "")
    if kind not in KINDS:
        raise Refusal(400, f"manifests of the type {kind!r} are not taken", code="MANIFEST_INVALID")
    if DIGEST.fullmatch(reference) and reference != digest:
        raise Refusal(400, "the manifest does not have that digest", code="DIGEST_INVALID")
    size = _size(visit, json.loads(content), kind)
    if not DIGEST.fullmatch(reference):
        _tag(visit, reference, digest)
    stands = visit.world.resources.get(place.version(digest), {})
    visit.world.content[place.version(digest)] = content
    visit.world.resources.setdefault(place.package, {"name": place.package, "createTime": now(), "updateTime": now()})
    visit.world.resources[place.version(digest)] = {
        "name": place.version(digest), "createTime": stands.get("createTime", now()), "updateTime": now(),
        "metadata": {"mediaType": kind, "imageSizeBytes": str(size), "name": f"{place.repository}/dockerImages/{place.image}@{digest}"},
    }  # fmt: skip
    where = f"https://{visit.request.host}/v2/{place.uri.partition('/')[2]}/manifests/{digest}"
    return Answer(201, b"", {"Docker-Content-Digest": digest, "Location": where})


def _size(visit: Visit, manifest: JSON, kind: str) -> int:
    """That of all parts, which must be there before the whole is."""
    if kind in LISTS:
        parts = [(each, visit.place.version(each["digest"])) for each in manifest["manifests"]]
        held: Mapping[str, object] = visit.world.resources
    else:
        parts = [(each, visit.place.blob(each["digest"])) for each in (manifest["config"], *manifest["layers"])]
        held = visit.world.content
    if missing := [each["digest"] for each, name in parts if name not in held]:
        raise Refusal(404, f"Failed to fetch {missing[0]}", code="MANIFEST_BLOB_UNKNOWN")
    return sum(each["size"] for each, _ in parts)


def _tag(visit: Visit, tag: str, digest: str) -> None:
    name, wanted = visit.place.tag(tag), visit.place.version(digest)
    stands = visit.world.resources.get(name, {}).get("version", wanted)
    fixed = visit.world.resources[visit.place.repository].get("dockerConfig", {}).get("immutableTags")
    if fixed and stands != wanted:
        raise Refusal(400, f"cannot update tag {tag}. The repository has enabled tag immutability", code="MANIFEST_INVALID")  # fmt: skip
    visit.world.resources[name] = {"name": name, "version": wanted}


def _show_blob(visit: Visit, digest: str) -> Answer:
    content = visit.world.content.get(visit.place.blob(digest))
    if content is None:
        raise Refusal(404, f"Failed to fetch {digest}", code="BLOB_UNKNOWN")
    return Answer(200, content, {"Docker-Content-Digest": digest})


def _begin_blob(visit: Visit) -> Answer:
    """An upload; or none where a repository that the caller may read has it already, or all of it is in this request."""
    digest, source = visit.request.asks("mount"), visit.request.asks("from")
    if digest and source:
        there = _asked_place(visit.request.host, source)
        held = visit.world.content.get(there.blob(digest))
        if held is not None and visit.world.permits(visit.who, READ, there.repository):
            return _keep_blob(visit, digest, held)
    if visit.request.asks("digest"):
        return _keep_blob(visit, visit.request.asks("digest"), visit.request.content)
    number = f"upload{next(visit.world.numbers)}"
    visit.world.uploads[f"{visit.place.repository}/{number}"] = {}, b""
    return _going_on(visit, number, b"", 202)


def _more_blob(visit: Visit, number: str) -> Answer:
    so_far = _so_far(visit, number) + visit.request.content
    visit.world.uploads[f"{visit.place.repository}/{number}"] = {}, so_far
    return _going_on(visit, number, so_far, 202)


def _end_blob(visit: Visit, number: str) -> Answer:
    content = _so_far(visit, number) + visit.request.content
    done = _keep_blob(visit, visit.request.asks("digest"), content)
    del visit.world.uploads[f"{visit.place.repository}/{number}"]
    return done


def _so_far(visit: Visit, number: str) -> bytes:
    if f"{visit.place.repository}/{number}" not in visit.world.uploads:
        raise Refusal(404, "the upload is not known", code="BLOB_UPLOAD_UNKNOWN")
    return visit.world.uploads[f"{visit.place.repository}/{number}"][1]


def _going_on(visit: Visit, number: str, so_far: bytes, status: int) -> Answer:
    where = f"https://{visit.request.host}/v2/{visit.place.uri.partition('/')[2]}/blobs/uploads/{number}"
    return Answer(
        status, b"", {"Location": where, "Docker-Upload-UUID": number, "Range": f"0-{max(len(so_far) - 1, 0)}"}
    )


def _keep_blob(visit: Visit, digest: str, content: bytes) -> Answer:
    if digest != digest_of(content):
        raise Refusal(400, f"what was sent does not have the digest {digest}", code="DIGEST_INVALID")
    visit.world.content[visit.place.blob(digest)] = content
    where = f"https://{visit.request.host}/v2/{visit.place.uri.partition('/')[2]}/blobs/{digest}"
    return Answer(201, b"", {"Location": where, "Docker-Content-Digest": digest})


def _show_tags(visit: Visit) -> Answer:
    if visit.place.package not in visit.world.resources:
        raise Refusal(404, f"{visit.place.uri} is not there", code="NAME_UNKNOWN")
    tags = [each["name"].rpartition("/")[2] for each in visit.world.below(visit.place.package, "tags")]
    return Answer(200, {"name": visit.place.uri.partition("/")[2], "tags": tags})


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


ASKED: tuple[tuple[str, str, str, Callable[..., Answer]], ...] = (
    ("GET HEAD", r"/v2/(.+)/manifests/([^/]+)", READ, _show_manifest),
    ("PUT", r"/v2/(.+)/manifests/([^/]+)", WRITE, _put_manifest),
    ("POST", r"/v2/(.+)/blobs/uploads/?", WRITE, _begin_blob),
    ("PATCH", r"/v2/(.+)/blobs/uploads/([^/]+)", WRITE, _more_blob),
    ("PUT", r"/v2/(.+)/blobs/uploads/([^/]+)", WRITE, _end_blob),
    ("GET HEAD", r"/v2/(.+)/blobs/(sha256:[0-9a-f]{64})", READ, _show_blob),
    ("GET", r"/v2/(.+)/tags/list", READ, _show_tags),
)


# ------------------------------------------------------------------------------- what gcloud asks

AR = "artifactregistry"
REPOSITORY = "projects/*/locations/*/repositories/*"
PACKAGE = f"{REPOSITORY}/packages/*"


@answers(f"GET {AR}/v1/{{parent={REPOSITORY}}}/packages", needs=f"{AR}.packages.list")
def list_packages(call: Call, parent: str) -> JSON:
    call.find(parent)
    return {"packages": call.world.below(parent, "packages")}


@answers(f"GET {AR}/v1/{{parent={PACKAGE}}}/versions", needs=f"{AR}.versions.list")
def list_versions(call: Call, parent: str) -> JSON:
    call.find(parent)
    full = call.request.asks("view") == "FULL"
    return {"versions": [_version(call, each, full) for each in call.world.below(parent, "versions")]}


@answers(f"GET {AR}/v1/{{name={PACKAGE}/versions/sha256:*}}", needs=f"{AR}.versions.get")
def describe_version(call: Call, name: str) -> JSON:
    return _version(call, call.find(name), call.request.asks("view") == "FULL")


@answers(f"GET {AR}/v1/{{parent={PACKAGE}}}/tags", needs=f"{AR}.tags.list")
def list_tags(call: Call, parent: str) -> JSON:
    call.find(parent)
    if call.request.asks("filter"):
        raise Unknown(f"the filter of tags {call.request.asks('filter')!r}")
    return {"tags": call.world.below(parent, "tags")}


@answers(f"GET {AR}/v1/{{name={PACKAGE}/tags/*}}", needs=f"{AR}.tags.get")
def describe_tag(call: Call, name: str) -> JSON:
    return call.find(name)


@answers(f"GET {AR}/v1/{{parent={REPOSITORY}}}/dockerImages", needs=f"{AR}.dockerimages.list")
def list_images(call: Call, parent: str) -> JSON:
    call.find(parent)
    return {"dockerImages": list(_images(call, parent))}


@answers("GET containeranalysis/v1/{parent=projects/*}/occurrences", needs="containeranalysis.occurrences.list")
def list_occurrences(call: Call, parent: str) -> JSON:
    """None: nobody looks through these images for weaknesses."""
    return {}


def _images(call: Call, repository: str) -> Iterator[JSON]:
    for package in call.world.below(repository, "packages"):
        for version in call.world.below(package["name"], "versions"):
            known = version["metadata"]
            short = known["name"].partition("/dockerImages/")[2]
            image, _, digest = short.partition("@")
            yield {
                "name": known["name"], "uri": f"{Place(repository, image).uri}@{digest}", "mediaType": known["mediaType"],
                "tags": [each["name"].rpartition("/")[2] for each in _tags(call, version)],
                "imageSizeBytes": known["imageSizeBytes"], "uploadTime": version["createTime"], "updateTime": version["updateTime"],
            }  # fmt: skip


def _version(call: Call, version: JSON, full: bool) -> JSON:
    return {**version, "relatedTags": _tags(call, version)} if full else version


def _tags(call: Call, version: JSON) -> list[JSON]:
    package = version["name"].rpartition("/versions/")[0]
    return [each for each in call.world.below(package, "tags") if each["version"] == version["name"]]
