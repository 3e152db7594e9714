"""What is sent of a dataset, given what the other host has."""

from __future__ import annotations

import pytest

from bsdvirt.errors import ConflictError
from bsdvirt.guest.send.choose import Choice, Goal, Source, choose
from bsdvirt.guest.send.plan import send_words
from bsdvirt.guest.send.target import plan_stream
from bsdvirt.host import tools
from bsdvirt.plan.step import Pipeline
from bsdvirt.spec.send import Answer, AnySnapshot, Have, Known, Path, RunId, Sent, Token
from bsdvirt.zfs.base import Dataset
from bsdvirt.zfs.sending import Resumed
from bsdvirt.zfs.snapshots import Part

NAME = "zroot/bsdvirt/guests/web"
TOKEN = Token("1-ab-c-d")


def source(*guids: int, path: str = "", encrypted: bool = False, marks: int = 0) -> Source:
    name = f"{NAME}/{path}" if path else NAME
    root = name if encrypted else None
    dataset = Dataset(name, "filesystem", 5, 5, 1000, encryption_root=root)
    parts = tuple(Part(name, f"s{guid}", guid, guid, 0, 0, 0) for guid in guids)
    return Source(dataset, path, parts, {marks: f"{name}#m"} if marks else {})


def have(*guids: int, token: Token | None = None, written: int = 0) -> Have:
    known = [Known(name=AnySnapshot(f"s{guid}"), guid=guid) for guid in guids]
    return Have(path=Path(""), snapshots=known, token=token, written=written)


def chosen(one: Source, *there: Have, resumed: Resumed | None = None, room: int = 9999) -> Choice:
    answer = Answer(host="x", run=RunId("0" * 32), available=room, datasets=list(there))  # type: ignore[arg-type]
    return choose([one], answer, "new", Goal("b", "web"), lambda token: resumed)


def argv(choice: Choice) -> list[str]:
    return [" ".join(send_words(one)) for one in choice.transfers]


ZFS = tools.ZFS
FULL = f"{ZFS} send -L -c -vP {NAME}@new"
SINCE = f"{ZFS} send -L -c -vP -i {NAME}@s2 {NAME}@new"


def test_all_of_it_what_has_changed_or_the_rest() -> None:
    assert argv(chosen(source(1, 2))) == [FULL]
    assert argv(chosen(source(1, 2), have(1, 2))) == [SINCE]
    assert chosen(source(1, 2), have(1, 2)).bases == (f"{NAME}@s2",)
    # The snapshot is gone here, and a bookmark of it is left.
    assert argv(chosen(source(3, marks=2), have(1, 2))) == [SINCE.replace("@s2", "#m")]
    raw = argv(chosen(source(1, 2, encrypted=True)))
    assert raw == [FULL.replace("-c ", "-c -w ")]
    rest = Resumed(f"{NAME}@s3", 3, False, 7)
    choice = chosen(source(2, 3), have(2, token=TOKEN), resumed=rest)
    assert argv(choice) == [f"{ZFS} send -vP -t {TOKEN}", SINCE.replace("@s2", "@s3")]
    # What the rest begins with is needed, too.
    assert set(choice.bases) == {f"{NAME}@s2", f"{NAME}@s3"}


@pytest.mark.parametrize(
    "resumed",
    [
        None,
        Resumed("zroot/secret@s3", 3, False, 7),
        Resumed(f"{NAME}@s3", 4, False, 7),
        Resumed(f"{NAME}@s3", 3, True, 7),
    ],
)
def test_a_token_for_anything_else_is_given_up(resumed: Resumed | None) -> None:
    choice = chosen(source(2, 3), have(2, token=TOKEN), resumed=resumed)
    assert (choice.drop, argv(choice)) == ((0,), [SINCE])
    # An encrypted dataset is never sent decrypted because the other host asks for that.
    plain = Resumed(f"{NAME}@s3", 3, False, 7)
    assert chosen(source(2, 3, encrypted=True), have(2, token=TOKEN), resumed=plain).drop == (0,)


@pytest.mark.parametrize(
    ("there", "says"),
    [
        (have(1, 2, written=5), "was changed since @s2"),
        (have(1, 7), "has the snapshot @s7"),
        (have(7), "no snapshot in common"),
        (have(), "was not sent by this host"),
    ],
)
def test_what_is_there_and_not_known_is_refused(there: Have, says: str) -> None:
    with pytest.raises(ConflictError, match=says) as refused:
        chosen(source(1, 2), there)
    assert "bsdvirt destroy web" in refused.value.hint


def test_no_room_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ConflictError, match="b has 500B available"):
        chosen(source(1), room=500)


def test_what_is_received_affects_nothing_there() -> None:
    def words(sent: Sent, first: tuple[str, ...] = (), *, resumes: bool = False) -> str:
        plan = plan_stream(NAME, sent, "s1", "op", first=first, resumes=resumes)
        (step,) = plan.steps
        assert isinstance(step.do, Pipeline)
        assert step.do.left == ()
        return " ".join(step.do.right)

    begin = f"{ZFS} receive -s -u "
    places = "-x mountpoint -x canmount -x sharenfs -x sharesmb -x org.freebsd:swap"
    root = Sent(path=Path("root"), kind="filesystem")
    assert words(root) == f"{begin}-o readonly=on {places} -x jailed {NAME}/root@s1"
    data = Sent(path=Path("data"), kind="filesystem", jailed=True)
    assert words(data) == f"{begin}-o readonly=on -o jailed=on {places} {NAME}/data@s1"
    disk = Sent(path=Path("disk0"), kind="volume")
    assert (
        words(disk) == f"{begin}-o readonly=on -o volmode=dev -x org.freebsd:swap {NAME}/disk0@s1"
    )
    assert words(disk, resumes=True) == f"{begin}{NAME}/disk0@s1"
