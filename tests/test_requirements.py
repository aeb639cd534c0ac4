import importlib.util
import json
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.requirements import Requirement as Judge
from packaging.version import Version

from AutoMLOps.read import requirements
from AutoMLOps.read.requirements import conflicts, pinned, search, tools


class Environment:
    """A site-packages of our own, alone on sys.path, and the folder of a notebook before it."""

    def __init__(self, root):
        self.site, self.work = root / "site-packages", root / "work"
        self.site.mkdir()
        self.work.mkdir()

    def install(self, name, version, *files, record=True, **metadata):
        """`metadata` are further files of the dist-info, `top_level="..."` being top_level.txt."""
        for file in files:
            (self.site / file).parent.mkdir(parents=True, exist_ok=True)
            (self.site / file).touch()
        info = self.site / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        if record:
            (info / "RECORD").write_text("".join(f"{file},sha256=x,0\n" for file in (*files, f"{info.name}/RECORD")))
        if "top_level" in metadata:
            (info / "top_level.txt").write_text(metadata["top_level"])
        if "direct_url" in metadata:
            (info / "direct_url.json").write_text(json.dumps(metadata["direct_url"]))
        if "installer" in metadata:
            (info / "INSTALLER").write_text(metadata["installer"] + "\n")
        return info


@pytest.fixture
def environment(tmp_path, monkeypatch):
    made = Environment(tmp_path)
    monkeypatch.setattr(sys, "path", [str(made.work), str(made.site)])
    return made


def component(name, *requirements, cell="cell 1", line=1):
    return SimpleNamespace(name=name, requirements=requirements, cell=cell, line=line)


def only(problems):
    (problem,) = problems
    return str(problem)


# the environment that the tests run in


@pytest.mark.parametrize(
    ("imported", "name"),
    [
        ("pandas", "pandas"),
        ("sklearn.tree", "scikit-learn"),
        ("yaml", "pyyaml"),
        ("_yaml", "pyyaml"),
        ("six", "six"),
        ("dateutil.parser", "python-dateutil"),
        ("setuptools", "setuptools"),
        ("google.cloud.storage", "google-cloud-storage"),
        ("google.cloud.aiplatform", "google-cloud-aiplatform"),
        ("google.cloud.aiplatform_v1.types", "google-cloud-aiplatform"),
        ("google.protobuf", "protobuf"),
        ("google.oauth2.service_account", "google-auth"),
        ("vertexai", "google-cloud-aiplatform"),
    ],
)
def test_an_installed_import_becomes_an_exact_pin(imported, name):
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{name} is not installed")
    assert pinned({imported}, []) == requirements.Pinned((f"{name}=={version}",))


def test_google_cloud_never_becomes_the_package_google():
    imports = {"google", "google.cloud", "google.cloud.storage", "google.cloud.nonesuch", "google.nonesuch"}
    found = pinned(imports, [])
    assert {line.partition("==")[0] for line in found.lines} <= {"google-cloud-storage"}
    assert "packages_to_install=['google-cloud-nonesuch']" in str(found.problems[0])
    assert all("['google']" not in str(problem) for problem in found.problems)


def test_sklearn_imported_and_not_listed_is_added_after_what_was_listed():
    lines = pinned({"pandas", "sklearn.tree", "sklearn.tree.DecisionTreeClassifier"}, ["pandas", "joblib"]).lines
    assert lines == ("pandas", "joblib", f"scikit-learn=={metadata.version('scikit-learn')}")


def test_the_standard_library_kfp_and_ourselves_never_become_lines():
    imports = {"os.path", "json", "__future__", "__main__", "kfp.dsl", "kfp", "AutoMLOps", "google_cloud_automlops"}
    assert pinned(imports, []) == requirements.Pinned(())


def test_a_module_in_the_standard_librarys_folder_needs_no_line_though_the_list_of_names_lacks_it():
    if "__phello__" in sys.stdlib_module_names or not importlib.util.find_spec("__phello__"):
        pytest.skip("this Python has no such module")
    assert pinned({"__phello__"}, []) == requirements.Pinned(())


def test_it_agrees_with_importlib_metadata_about_every_top_level_name():
    """Namespaces are no package; what `importlib.metadata` lists and no file bears out is not looked for."""
    owners = metadata.packages_distributions()
    names = [name for name in owners if name.isidentifier() and name not in sys.stdlib_module_names | requirements.OURS]
    importable = [name for name in names if (spec := importlib.util.find_spec(name)) and spec.origin]
    found = {name: requirements._found(requirements.search(), name) for name in importable}
    differing = {
        name: owners[name]
        for name, each in found.items()
        if not each or not each.distribution or each.distribution.name not in map(requirements._canonical, owners[name])
    }
    assert len(importable) > 20 and differing == {}


def test_what_compiles_the_pipeline_is_pinned_as_installed():
    for line in tools():
        name, _, version = line.partition("==")
        assert version == metadata.version(name)
    assert [line.partition("==")[0] for line in tools()] == [
        "google-cloud-aiplatform",
        "google-cloud-storage",
        "kfp",
        "pyyaml",
    ]


# environments made for the purpose


def test_a_tool_that_is_not_installed_gets_a_bounded_line(environment):
    environment.install("kfp", "2.17.0")
    environment.install("PyYAML", "6.0+local")
    assert tools() == (
        "google-cloud-aiplatform>=1.60,!=2.0.0,<3",
        "google-cloud-storage>=2.10,<4",
        "kfp==2.17.0",
        "pyyaml>=6,<7",
    )
    assert all(str(Judge(line)) for line in tools())


@pytest.mark.parametrize("name", ["opencv-python", "opencv-python-headless", "opencv-contrib-python"])
def test_cv2_is_whichever_opencv_is_installed(environment, name):
    environment.install(name.replace("-", "_"), "4.10.0.84", "cv2/__init__.py", "cv2/cv2.abi3.so")
    assert pinned({"cv2"}, []).lines == (f"{name}==4.10.0.84",)


def test_names_are_written_in_their_normal_form(environment):
    environment.install("Pillow", "11.0.0", "PIL/__init__.py")
    environment.install("ruamel.yaml", "0.18.6", "ruamel/yaml/__init__.py")
    environment.install("beautifulsoup4", "4.12.3", "bs4/__init__.py")
    environment.install("attrs", "24.2.0", "attr/__init__.py", "attrs/__init__.py")
    imports = {"PIL.Image", "ruamel.yaml", "bs4", "attr", "attrs"}
    assert pinned(imports, []).lines == (
        "attrs==24.2.0",
        "beautifulsoup4==4.12.3",
        "pillow==11.0.0",
        "ruamel-yaml==0.18.6",
    )


def test_the_file_decides_among_distributions_that_share_a_namespace(environment):
    environment.install("google_cloud_storage", "3.1.0", "google/cloud/storage/__init__.py", top_level="google")
    environment.install("google_cloud_core", "2.4.0", "google/cloud/exceptions/__init__.py", top_level="google")
    environment.install("odd_name", "1.0", "google/cloud/pubsub_v1/__init__.py", top_level="google")
    imports = {"google.cloud", "google.cloud.storage.Blob", "google.cloud.exceptions", "google.cloud.pubsub_v1"}
    assert pinned(imports, []).lines == ("google-cloud-core==2.4.0", "google-cloud-storage==3.1.0", "odd-name==1.0")


def test_a_namespace_with_an_init_file_is_still_a_namespace(environment):
    environment.install("protobuf", "5.0", "google/__init__.py", "google/protobuf/__init__.py")
    environment.install("google_auth", "2.0", "google/__init__.py", "google/auth/__init__.py")
    assert pinned({"google", "google.auth"}, []).lines == ("google-auth==2.0",)


def test_a_module_put_into_another_package_belongs_to_who_put_it_there(environment):
    environment.install("airflow", "2.9.0", "airflow/__init__.py")
    environment.install("airflow_providers_x", "1.1", "airflow/providers/x/__init__.py")
    imports = {"airflow.providers.x.Hook", "airflow.models"}
    assert pinned(imports, []).lines == ("airflow==2.9.0", "airflow-providers-x==1.1")


def test_single_files_and_compiled_modules_are_found(environment):
    environment.install("six", "1.16.0", "six.py")
    suffix = requirements.EXTENSION_SUFFIXES[0]
    environment.install("cffi", "1.17.0", "cffi/__init__.py", f"_cffi_backend{suffix}")
    assert pinned({"six.moves", "_cffi_backend"}, []).lines == ("cffi==1.17.0", "six==1.16.0")


def test_without_a_record_a_declared_top_level_module_decides(environment):
    environment.install("PyYAML", "6.0", "yaml/__init__.py", record=False, top_level="_yaml\nyaml\n")
    environment.install("strange_name", "2.0", "plain.py", record=False, top_level="plain\n")
    environment.install("google_cloud_dns", "1.0", "google/cloud/dns/__init__.py", record=False, top_level="google\n")
    assert pinned({"yaml", "plain", "google.cloud.dns"}, []).lines == (
        "google-cloud-dns==1.0",
        "pyyaml==6.0",
        "strange-name==2.0",
    )


def test_an_egg_info_of_old_times_is_read(environment):
    info = environment.site / "Old_Thing-1.2-py3.11.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text("Metadata-Version: 1.1\nName: Old-Thing\nVersion: 1.2\n")
    (info / "top_level.txt").write_text("oldie\n")
    (environment.site / "oldie.py").touch()
    (environment.site / "single-3.0.egg-info").write_text("Metadata-Version: 1.0\nName: single\nVersion: 3.0\n")
    (environment.site / "single.py").touch()
    assert pinned({"oldie", "single"}, []).lines == ("old-thing==1.2", "single==3.0")


def test_a_package_in_a_zip_is_asked_of_importlib_metadata(environment, monkeypatch):
    archive = environment.work / "zipped-1.5.egg"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("zipped/__init__.py", "")
        zipped.writestr("EGG-INFO/PKG-INFO", "Metadata-Version: 1.1\nName: zipped\nVersion: 1.5\n")
        zipped.writestr("EGG-INFO/top_level.txt", "zipped\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(archive)])
    assert pinned({"zipped"}, []).lines == ("zipped==1.5",)


def test_what_a_broken_uninstall_left_behind_does_not_count(environment):
    (environment.site / "~andas-1.0.dist-info").mkdir()
    (environment.site / "pandas-1.5.3.dist-info").mkdir()
    (environment.site / "gone" / "__pycache__").mkdir(parents=True)
    environment.install("pandas", "2.2.0", "pandas/__init__.py")
    found = pinned({"pandas", "gone"}, [])
    assert found.lines == ("pandas==2.2.0",)
    assert "'gone' is imported, but neither listed" in only(found.problems)


def test_installing_a_package_is_noticed_by_the_next_call(environment):
    assert pinned({"late"}, []).problems
    environment.install("late", "1.0", "late.py")
    assert pinned({"late"}, []) == requirements.Pinned(("late==1.0",))


def test_nothing_of_the_users_is_imported(environment):
    environment.install("boom", "1.0", "boom/__init__.py")
    (environment.site / "boom" / "__init__.py").write_text("raise SystemExit\n")
    assert pinned({"boom"}, []).lines == ("boom==1.0",)
    assert "boom" not in sys.modules


# what cannot be pinned


def test_an_import_neither_listed_nor_installed_is_named_with_the_line_that_mends_it(environment):
    problem = only(pinned({"cv2", "cv2.dnn"}, [], cell="cell 7", line=3).problems)
    assert problem == (
        "cell 7, line 3: 'cv2' is imported, but neither listed in packages_to_install nor installed here "
        "(write packages_to_install=['opencv-python'], or install it here, so that its version can be pinned)"
    )


def test_a_chosen_base_image_makes_it_a_warning(environment):
    found = pinned({"torch"}, ["pandas =="], brought=True)
    assert "'torch' is imported" in only(found.warnings)
    assert "'pandas ==' in packages_to_install is not a requirement" in only(found.problems)


@pytest.mark.parametrize(
    ("imported", "proposed"),
    [
        ("google.cloud.pubsub_v1.PublisherClient", "google-cloud-pubsub"),
        ("google.cloud.secretmanager", "google-cloud-secret-manager"),
        ("google.protobuf.json_format", "protobuf"),
        ("azure.storage.blob", "azure-storage-blob"),
        ("sklearn.svm.SVC", "scikit-learn"),
        ("xgboost.XGBClassifier", "xgboost"),
    ],
)
def test_the_proposed_line_names_the_distribution(environment, imported, proposed):
    assert f"write packages_to_install=['{proposed}']" in only(pinned({imported}, []).problems)


def test_pipreqs_is_asked_for_the_name_of_what_is_not_installed(environment):
    environment.install("pipreqs", "0.5.0", "pipreqs/__init__.py", "pipreqs/mapping")
    (environment.site / "pipreqs" / "mapping").write_text("AFQ:pyAFQ\nusb:pyusb\n")
    (environment.site / "pipreqs" / "__init__.py").write_text("raise SystemExit\n")
    assert "['pyusb']" in only(pinned({"usb.core"}, []).problems)
    assert "['usbx']" in only(pinned({"usbx"}, []).problems)


@pytest.mark.parametrize(
    ("file", "imported"),
    [
        ("helpers.py", "helpers"),
        ("helpers/__init__.py", "helpers.clean"),
        ("helpers/clean.py", "helpers.clean"),
        ("helpers/clean.py", "helpers"),
        ("helpers.py", ".helpers"),
    ],
)
def test_a_module_beside_the_notebook_does_not_travel(environment, file, imported):
    (environment.work / file).parent.mkdir(exist_ok=True)
    (environment.work / file).touch()
    problem = only(pinned({imported}, []).problems)
    assert "is a file of this machine" in problem
    assert "it does not travel into the image (put its code into a cell, or make it a package" in problem


def test_a_module_beside_a_notebook_of_another_folder_is_found_there(environment, tmp_path):
    (tmp_path / "helpers.py").touch()
    assert "is a file of this machine (helpers.py)" in only(
        pinned({"helpers"}, [], places=search([str(tmp_path)])).problems
    )


def test_a_folder_of_data_is_no_module(environment):
    (environment.work / "torch").mkdir()
    (environment.work / "torch" / "weights.bin").touch()
    assert "['torch']" in only(pinned({"torch", "torch.nn"}, []).problems)


def test_a_local_version_is_reported_with_what_to_write_instead(environment):
    environment.install("torch", "2.5.0+cu121", "torch/__init__.py")
    found = pinned({"torch", "torch.nn"}, [])
    assert found.lines == ()
    assert "torch 2.5.0+cu121, a local version" in only(found.problems)
    assert "packages_to_install=['torch==2.5.0']" in only(found.problems)
    assert pinned({"torch"}, ["torch==2.5.0"]) == requirements.Pinned(("torch==2.5.0",))


def test_an_install_from_git_is_reported_with_its_commit(environment):
    vcs = {"vcs": "git", "commit_id": "a" * 40, "requested_revision": "main"}
    direct = {"url": "https://github.com/o/r.git", "vcs_info": vcs, "subdirectory": "py"}
    environment.install("My_Lib", "1.0", "mylib/__init__.py", direct_url=direct)
    line = f"my-lib @ git+https://github.com/o/r.git@{'a' * 40}#subdirectory=py"
    assert f"write packages_to_install=['{line}']" in only(pinned({"mylib"}, []).problems)
    assert pinned({"mylib"}, [line]) == requirements.Pinned((line,))


def test_an_install_from_a_url_is_reported_with_its_hash(environment):
    direct = {"url": "https://host/mylib-1.0-py3-none-any.whl", "archive_info": {"hash": "sha256=abc"}}
    environment.install("mylib", "1.0", "mylib/__init__.py", direct_url=direct)
    problem = only(pinned({"mylib"}, []).problems)
    assert "['mylib @ https://host/mylib-1.0-py3-none-any.whl#sha256=abc']" in problem


def test_an_install_from_a_local_wheel_is_reported(environment):
    direct = {"url": "file:///wheels/mylib-1.0-py3-none-any.whl", "archive_info": {}}
    environment.install("mylib", "1.0", "mylib/__init__.py", direct_url=direct)
    assert "['mylib @ git+https://<its repository>@<commit>']" in only(pinned({"mylib"}, []).problems)


def test_the_build_folder_that_conda_records_means_nothing(environment):
    direct = {"url": "file:///croot/numpy/work", "dir_info": {}}
    environment.install("numpy", "2.0.0", "numpy/__init__.py", direct_url=direct, installer="conda")
    assert pinned({"numpy"}, []).lines == ("numpy==2.0.0",)


def test_a_broken_direct_url_means_nothing(environment):
    (environment.install("numpy", "2.0.0", "numpy/__init__.py") / "direct_url.json").write_text("[{")
    assert pinned({"numpy"}, []).lines == ("numpy==2.0.0",)


@pytest.mark.parametrize("top_level", ["mylib\n", None])
def test_an_editable_install_by_path_is_not_taken_for_a_file_beside_the_notebook(environment, monkeypatch, top_level):
    source = environment.work / "project" / "src"
    (source / "mylib").mkdir(parents=True)
    (source / "mylib" / "__init__.py").touch()
    direct = {"url": source.parent.as_uri(), "dir_info": {"editable": True}}
    extra = {"top_level": top_level} if top_level else {}
    environment.install("some_name", "0.1", "_some_name.pth", direct_url=direct, **extra)
    (environment.site / "_some_name.pth").write_text(f"{source}\n\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(source)])
    (environment.work / "helpers.py").touch()
    found = pinned({"mylib", "helpers"}, [])
    assert "'helpers' is a file of this machine" in str(found.problems[0])
    assert "'mylib' is an editable install of 'some-name'" in str(found.problems[1])
    assert pinned({"mylib"}, ["some-name==0.1"]).problems == ()


def test_an_editable_install_behind_a_hook_is_found_by_what_it_declares(environment):
    direct = {"url": "file:///project", "dir_info": {"editable": True}}
    environment.install("some_name", "0.1", direct_url=direct, top_level="mylib\n")
    environment.install("other-lib", "0.1", direct_url=direct)
    found = pinned({"mylib.part", "other_lib"}, [])
    assert ["editable install" in str(problem) for problem in found.problems] == [True, True]


def test_a_develop_install_of_old_times_is_editable(environment):
    info = environment.work / "mylib.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text("Name: mylib\nVersion: 0.1\n")
    (info / "top_level.txt").write_text("mylib\n")
    (environment.work / "mylib.py").touch()
    assert "'mylib' is an editable install" in only(pinned({"mylib"}, []).problems)


# what is listed


@pytest.mark.parametrize(
    ("imported", "listed"),
    [
        ("sklearn.tree", "scikit-learn"),
        ("sklearn.tree", "Scikit_Learn[x] >= 1.0, <2"),
        ("cv2", "opencv-python-headless==4.10.0.84"),
        ("yaml", "PyYAML"),
        ("google.cloud.storage", "google-cloud-storage"),
        ("google.cloud.pubsub_v1", "google-cloud-pubsub"),
        ("azure.storage.blob.BlobClient", "azure-storage-blob"),
        ("mylib", "mylib @ https://host/mylib-1.0-py3-none-any.whl"),
        ("mylib", "git+https://github.com/o/repo.git@v1#egg=mylib"),
        ("mylib", "git+https://github.com/o/mylib.git@v1"),
        ("mylib", "https://host/mylib-1.0-py3-none-any.whl"),
        ("torch.nn", "torch==2.5.0+cu121"),
        ("pandas", "pandas==2.2.0; python_version >= '3.8'"),
    ],
)
def test_a_listed_package_covers_its_import_though_it_is_not_installed(environment, imported, listed):
    assert pinned({imported}, [listed]) == requirements.Pinned((listed,))


def test_a_listed_package_covers_what_its_installed_files_say(environment):
    environment.install("our_sdk", "1.0", "sdk/__init__.py")
    assert pinned({"sdk.client"}, ["our-sdk>=0.9"]).lines == ("our-sdk>=0.9",)


def test_another_opencv_than_the_installed_one_covers_cv2(environment):
    environment.install("opencv_python", "4.10.0.84", "cv2/__init__.py")
    assert pinned({"cv2"}, ["opencv-python-headless"]).lines == ("opencv-python-headless",)


def test_listed_lines_keep_their_order_and_their_spelling(environment):
    assert pinned(set(), ["Zope", " pandas >= 2 ", "Zope", "abc[x]"]).lines == ("Zope", "pandas >= 2", "abc[x]")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "pandas ==",
        "pandas==1.0\n--index-url http://evil",
        "pandas\n==1.0",
        "pandas;rm -rf /",
        "pandas; rm",
        "$(touch x)",
        "-r requirements.txt",
        "-e .",
        "--index-url=http://evil",
        "pandas --hash=sha256:abc",
        "pandas # the newest",
        "pkg @ https://host/x\\",
        "pkg @ x",
        "pkg @ file:///wheels/pkg.whl",
        "pkg @ git+file:///repo",
        "./mylib",
        "../mylib",
        "/wheels/pkg.whl",
        "pkg-1.0-py3-none-any.whl",
        "C:\\pkg.whl",
        "pandas numpy",
        "pandas\u2028numpy",
        "pändas",
    ],
)
def test_a_line_that_is_not_one_requirement_is_a_fault_and_is_left_out(environment, line):
    found = pinned(set(), ["numpy", line], cell="cell 2", line=5)
    assert found.lines == ("numpy",)
    assert only(found.problems).startswith("cell 2, line 5: ") and len(found.problems[0].message) < 250
    assert found.problems[0].hint and "\n" not in str(found.problems[0])


HOSTILE = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(
            ["pandas", "a", "==", "1.0", ">=", "~=", "===", ".*", ",", "[x]", ";", " ", "@", "https://h/x", "git+", "#"]
            + ["-", "--index-url", "\n", "\r", "\\", "\t", "file:", "python_version", "'3'", "$(x)", "&&", "+cu1", "!"]
        ),
        max_size=8,
    ).map("".join),
)


@given(HOSTILE)
@example("a\n==1.0")
@example("a ; python_version>'3' and sys_platform == ' #x'")
@example("a ; python_version>'3' and sys_platform == ' --x'")
def test_every_accepted_line_is_one_line_that_packaging_parses(text):
    for line in pinned(set(), [text]).lines:
        assert line.splitlines() == [line] == [line.strip()]
        assert Judge(f"pkg @ {line}" if requirements._requirement(line).url == line else line)
        assert not line.startswith("-") and " -" not in line and " #" not in line and not line.endswith("\\")


@given(st.text(min_size=1))
def test_no_import_name_breaks_it(name):
    for line in pinned({name}, []).lines:
        assert Judge(line)


def test_lines_do_not_depend_on_the_hash_seed():
    script = (
        "from AutoMLOps.read.requirements import pinned, conflicts;"
        "print(pinned({'pandas', 'sklearn.tree', 'yaml', 'cv2', 'nope.x', 'google.cloud.storage'}, ['six', '-x', '']))"
    )
    root = Path(requirements.__file__).parents[2]
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1


# components of one image


def test_two_components_that_pin_one_package_differently_are_both_named():
    problem = only(conflicts([component("load", "pandas==1.5.3"), component("train", "pandas==2.2.0", cell="cell 4")]))
    assert problem == (
        "cell 4, line 1: one image cannot hold what is asked of 'pandas': "
        "'load' has 'pandas==1.5.3' and 'train' has 'pandas==2.2.0' "
        "(agree on one version, or let images='auto' give them an image each)"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Scikit_Learn==1.0", "scikit-learn==1.1"),
        ("pandas>=2", "pandas==1.5.3"),
        ("pandas>=2", "pandas<2"),
        ("pandas~=1.4", "pandas>=2.0"),
        ("pandas==1.*", "pandas==2.0"),
        ("pandas[excel]==1.5.3", "pandas==2.2.0"),
        ("torch==2.5.0", "torch==2.4.0+cu121"),
        ("pkg @ https://h/a.whl", "pkg @ https://h/b.whl"),
        ("pkg @ git+https://h/a@v1", "pkg==1.0"),
        ("pandas==1.5.3; python_version > '3'", "pandas==2.2.0"),
    ],
)
def test_requirements_that_exclude_each_other_are_a_fault(one, other):
    problem = only(conflicts([component("a", one), component("b", other)]))
    assert f"'a' has {one!r} and 'b' has {other!r}" in problem


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pandas", "pandas==2.2.0"),
        ("pandas==2.2", "Pandas == 2.2.0"),
        ("pandas>=2", "pandas==2.2.0"),
        ("pandas>1.0", "pandas<1.0.1"),
        ("pandas>1.0rc1", "pandas<1.1"),
        ("pandas>=2", "pandas!=2,<3"),
        ("pandas==2.*", "pandas>=2.2.0"),
        ("torch==2.5.0", "torch==2.5.0+cu121"),
        ("pkg @ git+https://h/a@v1", "pkg"),
        ("pandas==1.5.3; sys_platform == 'win32'", "pandas==2.2.0"),
        ("not a line", "pandas"),
    ],
)
def test_requirements_that_one_version_meets_are_none(one, other):
    assert conflicts([component("a", one), component("b", other)]) == ()


def test_a_component_that_contradicts_itself_is_told_to_choose():
    problem = only(conflicts([component("a", "pandas==1.5.3", "pandas==2.2.0")]))
    assert problem.endswith("(keep one of the lines)")


def test_a_conflict_of_many_components_names_one_for_each_line():
    many = [component(f"c{number}", "numpy", f"pandas=={1 + number % 2}.0") for number in range(500)]
    assert "'c0' has 'pandas==1.0' (and 249 more) and 'c1' has 'pandas==2.0' (and 249 more)" in only(conflicts(many))


def test_every_version_that_it_pins_is_a_version():
    for line in pinned({"pandas", "yaml", "sklearn", "google.cloud.storage"}, []).lines:
        assert Version(line.partition("==")[2])
