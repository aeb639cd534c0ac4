"""Takes away the schedule of Vertex AI that pushes made for a pipeline, for which gcloud has no command.

unschedule.py NAME LOCATION PROJECT PIPELINE reads the token of `gcloud auth print-access-token`. One of that name that
does not say of itself that this pipeline made it stays.
"""

import json
import sys
import time
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

PASSING = (429, 500, 502, 503, 504)


def ask(token: str, method: str, where: str) -> tuple[int, bytes]:
    """What Google answers; again for a minute, where it may answer otherwise then."""
    status, said = 503, b""
    for pause in (0, 2, 8, 20, 30):
        time.sleep(pause)
        request = Request(where, method=method)  # noqa: S310 - it is an address of Google's, below
        request.add_unredirected_header("Authorization", f"Bearer {token}")
        try:
            with urlopen(request, timeout=60) as answer:  # noqa: S310
                return answer.status, answer.read()
        except HTTPError as error:
            status, said = error.code, error.read()
        except (HTTPException, OSError) as error:
            status, said = 503, str(error).encode()
        if status not in PASSING:
            break
    return status, said


def unschedule(token: str, name: str, location: str, project: str, pipeline: str) -> None:
    """Takes away all of that name that the pipeline made; there should be one."""
    api = f"https://{location}-aiplatform.googleapis.com/v1"
    ours = {"managed-by": "automlops", "automlops-pipeline": pipeline}
    query, found = {"filter": f'display_name="{name}"', "pageToken": ""}, []
    while True:
        place = f"projects/{project}/locations/{location}/schedules?{urlencode(query)}"
        status, said = ask(token, "GET", f"{api}/{place}")
        if status != 200:
            sys.exit(f"{status} {said.decode(errors='replace')}")
        answer = json.loads(said)
        found += answer.get("schedules", [])
        query["pageToken"] = answer.get("nextPageToken", "")
        if not query["pageToken"]:
            break
    for each in found:
        labels = each.get("createPipelineJobRequest", {}).get("pipelineJob", {}).get("labels", {})
        if ours.items() <= labels.items():
            status, said = ask(token, "DELETE", f"{api}/{each['name']}")
            if status not in (200, 404):  # what is not there any more is gone already
                sys.exit(f"{status} {said.decode(errors='replace')}")


if __name__ == "__main__":
    unschedule(sys.stdin.read().strip(), *sys.argv[1:])
