"""What each role permits: Google's predefined roles, cut down to the permissions that the stand-in knows."""


def _of(kind: str, verbs: str) -> set[str]:
    return {f"{kind}.{verb}" for verb in verbs.split()}


CRUD = "create delete get list update"
POLICY = "getIamPolicy setIamPolicy"

SEE_PROJECT = _of("resourcemanager.projects", "get list")

AR_READ = (
    _of("artifactregistry.repositories", "downloadArtifacts get list")
    | {f"artifactregistry.{kind}.{verb}" for kind in "tags versions packages files dockerimages locations".split() for verb in ("get", "list")}
)  # fmt: skip
AR_WRITE = AR_READ | {"artifactregistry.repositories.uploadArtifacts"} | _of("artifactregistry.tags", "create update")
AR_CLEAN = (
    AR_WRITE
    | {"artifactregistry.repositories.deleteArtifacts"}
    | {f"artifactregistry.{kind}.delete" for kind in ("tags", "versions", "packages")}
)
AR_ALL = AR_CLEAN | _of("artifactregistry.repositories", f"create delete update {POLICY}")

OBJECTS = _of("storage.objects", f"{CRUD} restore move")
UPLOADS = _of("storage.multipartUploads", "abort create list listParts")
FOLDERS = _of("storage.managedFolders", "create delete get list") | _of(
    "storage.folders", "create delete get list rename"
)
OBJECT_POLICY = _of("storage.objects", POLICY)
BUCKETS = _of("storage.buckets", f"{CRUD} {POLICY}")
STORAGE_ALL = OBJECTS | UPLOADS | FOLDERS | OBJECT_POLICY | BUCKETS

ACCOUNTS_READ = _of("iam.serviceAccounts", "get list")
ACCOUNTS_ADMIN = _of("iam.serviceAccounts", f"{CRUD} {POLICY} disable enable undelete")
CUSTOM_ROLES = _of("iam.roles", f"{CRUD} undelete")
TOKENS = _of("iam.serviceAccounts", "getAccessToken getOpenIdToken implicitDelegation signBlob signJwt")
KEYS = _of("iam.serviceAccountKeys", "create delete get list")

SERVICES_READ = _of("serviceusage.services", "get list")
SERVICES_ALL = SERVICES_READ | _of("serviceusage.services", "enable disable use")
PROJECT_POLICY = _of("resourcemanager.projects", POLICY)

AI_USER = {
    f"aiplatform.{kind}.{verb}"
    for kind in "artifacts contexts customJobs datasets endpoints executions experiments metadataStores models pipelineJobs schedules tensorboards".split()
    for verb in CRUD.split()
} | {
    "aiplatform.pipelineJobs.cancel",
    "aiplatform.customJobs.cancel",
    "aiplatform.endpoints.deploy",
    "aiplatform.endpoints.predict",
    "aiplatform.models.upload",
}

BUILDS_READ = _of("cloudbuild.builds", "get list")
BUILDS_EDIT = BUILDS_READ | _of("cloudbuild.builds", "create update")
CONNECTIONS_READ = _of("cloudbuild.connections", "get list fetchLinkableRepositories") | _of(
    "cloudbuild.repositories", "get list"
)
CONNECTIONS = (
    CONNECTIONS_READ
    | _of("cloudbuild.connections", f"{CRUD} {POLICY}")
    | _of("cloudbuild.repositories", "create delete accessReadToken")
)

RUN_READ = {
    f"run.{kind}.{verb}"
    for kind in "services revisions configurations routes jobs locations operations".split()
    for verb in ("get", "list")
} | {"run.services.getIamPolicy"}
RUN_DEVELOP = (
    RUN_READ
    | _of("run.services", "create delete update")
    | _of("run.jobs", "create delete run update")
    | {"run.revisions.delete"}
)
RUN_INVOKE = {"run.routes.invoke", "run.jobs.run"}
RUN_ALL = RUN_DEVELOP | RUN_INVOKE | {"run.services.setIamPolicy"}

PUBSUB_READ = _of("pubsub.topics", "get list") | _of("pubsub.subscriptions", "get list")
PUBSUB_PUBLISH = {"pubsub.topics.publish"}
PUBSUB_SUBSCRIBE = {"pubsub.subscriptions.consume", "pubsub.topics.attachSubscription"}
PUBSUB_EDIT = (
    PUBSUB_READ | PUBSUB_PUBLISH | PUBSUB_SUBSCRIBE | _of("pubsub.topics", CRUD) | _of("pubsub.subscriptions", CRUD)
)
PUBSUB_ALL = PUBSUB_EDIT | _of("pubsub.topics", POLICY) | _of("pubsub.subscriptions", POLICY)

SCHEDULER = _of("cloudscheduler.jobs", f"{CRUD} enable pause run")
SECRETS_READ = {"secretmanager.versions.access"}
SECRETS_ALL = (
    SECRETS_READ
    | _of("secretmanager.secrets", f"{CRUD} {POLICY}")
    | _of("secretmanager.versions", "add destroy disable enable get list")
)

SOURCES_READ = _of("source.repos", "get list")
SOURCES_WRITE = SOURCES_READ | {"source.repos.update"}
SOURCES_ALL = SOURCES_WRITE | _of("source.repos", f"create delete {POLICY}")

BIGQUERY_JOBS = {"bigquery.jobs.create"}
BIGQUERY_READ = _of("bigquery.datasets", "get getIamPolicy") | _of("bigquery.tables", "get getData list export")
BIGQUERY_EDIT = (
    BIGQUERY_READ | _of("bigquery.datasets", "create") | _of("bigquery.tables", "create delete update updateData")
)
BIGQUERY_ALL = BIGQUERY_JOBS | BIGQUERY_EDIT | _of("bigquery.datasets", "delete update setIamPolicy")

METRICS_READ = _of("monitoring.timeSeries", "list")
LOG_WRITE = {"logging.logEntries.create"}
LOG_READ = _of("logging.logEntries", "list") | _of("logging.logs", "list")

NOT_STORAGE = (
    SEE_PROJECT | PROJECT_POLICY | _of("resourcemanager.projects", "update delete") | AR_ALL | ACCOUNTS_ADMIN | {"iam.serviceAccounts.actAs"}
    | CUSTOM_ROLES | KEYS | SERVICES_ALL | AI_USER | BUILDS_EDIT | CONNECTIONS | RUN_ALL | PUBSUB_ALL | SCHEDULER
    | SECRETS_ALL - SECRETS_READ | BIGQUERY_ALL | METRICS_READ | LOG_WRITE | LOG_READ | {"containeranalysis.occurrences.list"} | SOURCES_ALL
)  # fmt: skip
# Over a bucket's content the basic roles say nothing: their holders have that by the bucket's own policy, as projectOwner:ID and the like.
OWNER = NOT_STORAGE | _of("storage.buckets", "create delete list")
EDITOR = {
    permission for permission in OWNER - CUSTOM_ROLES - KEYS
    if not permission.endswith(".setIamPolicy") and permission != "resourcemanager.projects.delete"
} | _of("iam.roles", "get list") | {"iam.serviceAccountKeys.create"}  # fmt: skip
VIEWER = {permission for permission in EDITOR if permission.endswith((".get", ".list", ".getIamPolicy"))}

ROLES: dict[str, set[str]] = {
    "roles/owner": OWNER,
    "roles/editor": EDITOR,
    "roles/viewer": VIEWER,
    "roles/browser": SEE_PROJECT | {"resourcemanager.projects.getIamPolicy"},
    "roles/aiplatform.user": AI_USER | SEE_PROJECT,
    "roles/aiplatform.viewer": {each for each in AI_USER if each.endswith((".get", ".list"))} | SEE_PROJECT,
    "roles/artifactregistry.admin": AR_ALL,
    "roles/artifactregistry.reader": AR_READ,
    "roles/artifactregistry.repoAdmin": AR_CLEAN,
    "roles/artifactregistry.writer": AR_WRITE,
    "roles/bigquery.dataEditor": BIGQUERY_EDIT | SEE_PROJECT,
    "roles/bigquery.dataViewer": BIGQUERY_READ | SEE_PROJECT,
    "roles/bigquery.jobUser": BIGQUERY_JOBS | SEE_PROJECT,
    "roles/bigquery.readSessionUser": _of("bigquery.readsessions", "create getData update") | SEE_PROJECT,
    "roles/bigquery.user": BIGQUERY_JOBS | {"bigquery.datasets.create", "bigquery.tables.list"} | _of("bigquery.datasets", "get getIamPolicy") | SEE_PROJECT,
    "roles/cloudbuild.builds.builder": BUILDS_EDIT | AR_WRITE | OBJECTS | LOG_WRITE | SEE_PROJECT | {"storage.buckets.create", "storage.buckets.get", "storage.buckets.list"},
    "roles/cloudbuild.builds.editor": BUILDS_EDIT | SEE_PROJECT,
    "roles/cloudbuild.builds.viewer": BUILDS_READ | SEE_PROJECT,
    "roles/cloudbuild.connectionAdmin": CONNECTIONS | SEE_PROJECT,
    "roles/cloudbuild.connectionViewer": CONNECTIONS_READ | SEE_PROJECT,
    "roles/cloudfunctions.admin": SEE_PROJECT,  # of functions nothing is known here
    "roles/cloudscheduler.admin": SCHEDULER | SEE_PROJECT,
    "roles/iam.roleAdmin": CUSTOM_ROLES | SEE_PROJECT | {"resourcemanager.projects.getIamPolicy"},
    "roles/iam.securityAdmin": {each for each in NOT_STORAGE | STORAGE_ALL if each.endswith((".getIamPolicy", ".setIamPolicy", ".list"))} | SEE_PROJECT,
    "roles/iam.serviceAccountAdmin": ACCOUNTS_ADMIN | SEE_PROJECT,
    "roles/iam.serviceAccountCreator": ACCOUNTS_READ | {"iam.serviceAccounts.create"} | SEE_PROJECT,
    "roles/iam.serviceAccountDeleter": ACCOUNTS_READ | {"iam.serviceAccounts.delete"} | SEE_PROJECT,
    "roles/iam.serviceAccountTokenCreator": ACCOUNTS_READ | TOKENS,
    "roles/iam.serviceAccountUser": ACCOUNTS_READ | {"iam.serviceAccounts.actAs"} | SEE_PROJECT,
    "roles/iam.serviceAccountViewer": ACCOUNTS_READ | {"iam.serviceAccounts.getIamPolicy"} | SEE_PROJECT,
    "roles/iam.workloadIdentityUser": ACCOUNTS_READ | _of("iam.serviceAccounts", "getAccessToken getOpenIdToken"),
    "roles/logging.logWriter": LOG_WRITE,
    "roles/logging.viewer": LOG_READ | SEE_PROJECT,
    "roles/monitoring.viewer": METRICS_READ | SEE_PROJECT,
    "roles/pubsub.admin": PUBSUB_ALL | SEE_PROJECT,
    "roles/pubsub.editor": PUBSUB_EDIT | SEE_PROJECT,
    "roles/pubsub.publisher": PUBSUB_PUBLISH,
    "roles/pubsub.subscriber": PUBSUB_SUBSCRIBE,
    "roles/pubsub.viewer": PUBSUB_READ | SEE_PROJECT,
    "roles/resourcemanager.projectIamAdmin": PROJECT_POLICY | SEE_PROJECT,
    "roles/run.admin": RUN_ALL | SEE_PROJECT,
    "roles/run.developer": RUN_DEVELOP | SEE_PROJECT,
    "roles/run.invoker": RUN_INVOKE,
    "roles/run.viewer": RUN_READ | SEE_PROJECT,
    "roles/secretmanager.admin": SECRETS_ALL | SEE_PROJECT,
    "roles/secretmanager.secretAccessor": SECRETS_READ | SEE_PROJECT,
    "roles/secretmanager.viewer": _of("secretmanager.secrets", "get getIamPolicy list") | _of("secretmanager.versions", "get list") | SEE_PROJECT,
    "roles/serviceusage.serviceUsageAdmin": SERVICES_ALL,
    "roles/serviceusage.serviceUsageConsumer": SERVICES_READ | {"serviceusage.services.use"},
    "roles/serviceusage.serviceUsageViewer": SERVICES_READ,
    "roles/source.admin": SOURCES_ALL,
    "roles/source.reader": SOURCES_READ,
    "roles/source.writer": SOURCES_WRITE,
    "roles/storage.admin": STORAGE_ALL | SEE_PROJECT,
    "roles/storage.bucketViewer": _of("storage.buckets", "get list"),
    "roles/storage.legacyBucketOwner": _of("storage.buckets", f"get update {POLICY}") | _of("storage.objects", "create delete list restore") | UPLOADS | FOLDERS,
    "roles/storage.legacyBucketReader": {"storage.buckets.get", "storage.objects.list", "storage.multipartUploads.list"} | _of("storage.managedFolders", "get list"),
    "roles/storage.legacyBucketWriter": {"storage.buckets.get"} | _of("storage.objects", "create delete list restore") | UPLOADS | FOLDERS,
    "roles/storage.legacyObjectOwner": _of("storage.objects", f"get update {POLICY}"),
    "roles/storage.legacyObjectReader": {"storage.objects.get"},
    "roles/storage.objectAdmin": OBJECTS | OBJECT_POLICY | UPLOADS | FOLDERS | SEE_PROJECT,
    "roles/storage.objectCreator": {"storage.objects.create"} | _of("storage.multipartUploads", "abort create listParts") | SEE_PROJECT,
    "roles/storage.objectUser": OBJECTS | UPLOADS | FOLDERS | SEE_PROJECT,
    "roles/storage.objectViewer": _of("storage.objects", "get list") | _of("storage.folders", "get list") | _of("storage.managedFolders", "get list") | SEE_PROJECT,
}  # fmt: skip

KNOWN = frozenset(permission for role in ROLES.values() for permission in role)
