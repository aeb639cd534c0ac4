# Old letters, kept in Cloud Source Repositories: as notebooks of 1.2 had it.
import AutoMLOps


@AutoMLOps.component
def read_letters(count: int) -> str:
    return " ".join(f"letter {number}" for number in range(count))


@AutoMLOps.component
def words(text: str) -> int:
    return len(text.split())


@AutoMLOps.pipeline(name="archive", description="Counts the words of old letters.")
def archive(count: int):
    words(text=read_letters(count=count).output)


AutoMLOps.generate(
    project_id="my-project-123",
    pipeline_params={"count": 3},
    use_ci=True,
    source_repo_type="cloud-source-repositories",
    source_repo_name="letters",
    source_repo_branch="automlops",
    deployment_framework="cloud-build",
)
