"""The cloud-init (or nuageinit(7)) settings of a guest: user, keys, DNS."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, ClassVar, Literal, Self

from bsdvirt.spec.base import BadValueError, Spec, prop, shown, text_of
from bsdvirt.spec.types import HostName, IpAddress, Patterned

MOST_USER_DATA = 16 * 1024
"""The limit on the user's own user-data, as that of public clouds."""
System = Literal["freebsd", "linux", "other"]
USERS: dict[System, str] = {"freebsd": "freebsd", "linux": "", "other": "admin"}
"""The default users; on Linux, that of the distribution."""


class UserName(Patterned):
    """A login name, as pw(8) and useradd(8) both take it."""

    words = "a login name"
    pattern = "[a-z_][a-z0-9_-]{0,31}"
    longest = 32
    rule = "it is a lower-case letter, then up to 31 of a-z, 0-9, _ and -"


class PasswordHash(Patterned):
    """A password hash of crypt(3); never a password in clear text."""

    words = "a password hash"
    pattern = r"\$(2[abxy]|5|6|y|7|gy)\$[./A-Za-z0-9$=,-]{20,200}"
    longest = 256
    rule = "it is the output of crypt(3), such as $6$SALT$HASH; openssl passwd -6 prints one"

    @classmethod
    def parse(cls, value: object) -> Self:
        try:
            return super().parse(value)
        except BadValueError as error:
            # It may be a password in clear text: keep it out of messages and logs.
            if not isinstance(value, str):
                raise
            raise BadValueError(f"that is not {cls.words}: {cls.rule}") from error


class SshKey(str):
    """A public key as a line of authorized_keys(5), without options before it."""

    words: ClassVar[str] = "a public SSH key"
    longest: ClassVar[int] = 4096
    kinds: ClassVar[tuple[str, ...]] = (
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    )
    _hint = "it is the line in a file such as ~/.ssh/id_ed25519.pub"

    @classmethod
    def parse(cls, value: object) -> Self:
        text = text_of(value, cls.words).strip()
        if "PRIVATE KEY" in text:
            raise BadValueError("that is a private key", hint="give the file that ends in .pub")
        if len(text) > cls.longest or not text.isprintable():
            raise BadValueError(f"{shown(text)} is not {cls.words}", hint=cls._hint)
        kind, _, rest = text.partition(" ")
        if kind not in cls.kinds:
            raise BadValueError(f"{shown(text)} is not {cls.words}", hint=cls._hint)
        if not cls._holds(rest.strip().partition(" ")[0], kind):
            raise BadValueError(f"{shown(text)}: the key itself is damaged", hint=cls._hint)
        return cls(" ".join(text.split()))

    @staticmethod
    def _holds(data: str, kind: str) -> bool:
        """Return whether it is base64 of a complete key of that type (RFC 4253, 6.6): fields
        preceded by their lengths."""
        try:
            raw = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            return False
        fields: list[bytes] = []
        while raw:
            length = 4 + int.from_bytes(raw[:4], "big")
            if len(raw) < length:
                return False
            fields.append(raw[4:length])
            raw = raw[length:]
        return len(fields) > 1 and fields[0] == kind.encode()

    @classmethod
    def schema(cls) -> dict[str, object]:
        kinds = "|".join(re.escape(kind) for kind in cls.kinds)
        pattern = rf"^({kinds}) [A-Za-z0-9+/]+=*( .*)?$"
        return {"type": "string", "pattern": pattern, "maxLength": cls.longest}


class CloudInit(Spec, frozen=True, kw_only=True):
    """A seed for cloud-init or nuageinit(7)."""

    system: Annotated[
        System,
        prop(
            "Operating system. On FreeBSD, nuageinit reads the seed at the first boot "
            "only; several addresses of a family, routes, and an MTU with DHCP are set "
            "by write_files, which needs FreeBSD 15. On Linux, interfaces are named "
            "eth0 and so on."
        ),
    ] = "other"
    user: Annotated[
        UserName | None,
        prop(
            "User to create; by default `freebsd` on FreeBSD, the distribution's own on "
            "Linux, and `admin` on others."
        ),
    ] = None
    ssh_keys: Annotated[list[SshKey], prop("Public SSH keys of the user.", max_length=64)] = []
    password: Annotated[
        PasswordHash | None,
        prop(
            "Password hash of the user, as in crypt(3); without it, password logins are disabled.",
            secret=True,
        ),
    ] = None
    dns: Annotated[
        list[IpAddress],
        prop("Name servers; by default those of the host.", max_length=3),
    ] = []
    search: Annotated[list[HostName], prop("Search domains.", max_length=6)] = []
    network: Annotated[bool, prop("Configure the guest's addresses; otherwise it uses DHCP.")] = (
        True
    )
    user_data: Annotated[
        str,
        prop(
            "Your own user-data, unchanged, instead of that generated from `user` and "
            "`ssh_keys`; it begins with #cloud-config or #!. For FreeBSD's nuageinit, a "
            "script is wrapped in a #cloud-config, and missing parts (`users`, the "
            "network) are appended to a #cloud-config.",
            max_length=MOST_USER_DATA,
        ),
    ] = ""

    def __post_init__(self) -> None:
        if self.user_data and not re.match(r"#cloud-config\s*$|#!|## template:|Content-Type:",
                                           self.user_data.partition("\n")[0]):  # fmt: skip
            first = shown(self.user_data.partition("\n")[0])
            raise BadValueError(
                f"{first} is not the first line of user-data", at="user_data",
                hint="begin it with #cloud-config, or #! and an interpreter",
            )  # fmt: skip
        script = self.user_data.startswith("#!") and self.system == "freebsd"
        named = self.user or self.ssh_keys or self.password
        if self.user_data and named and not script:
            raise BadValueError(
                "user_data replaces user, ssh_keys and password",
                at="user_data",
                hint="omit user, ssh_keys and password, or user_data",
            )
        if not self.network and (self.dns or self.search):
            raise BadValueError(
                "DHCP provides it", at="dns" if self.dns else "search", hint="set network to yes"
            )
        if self.user == "root" and self.password:
            raise BadValueError(
                "root has no password login: only ssh_keys are set for root",
                at="password",
                hint="name another user",
            )

    @property
    def login(self) -> str:
        """The user to create; empty for that of a Linux distribution."""
        return str(self.user or USERS[self.system])
