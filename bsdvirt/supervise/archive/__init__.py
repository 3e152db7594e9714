"""Pack streams of zfs(8) into an archive of a guest, and unpack them: see docs/archive.md.

    archive begin JOB CONFIG    create the archive, and write its manifest, with the guest's file
    archive add JOB ID [FILE]   append standard input, or a file, as a stream
    archive end JOB CONFIG      append the end, and sync it to disk
    archive publish JOB         give the complete archive its name
    archive discard PART        remove an archive that was not completed
    archive show FILE [KEY]     check its structure, and print its manifest and checksums
    archive check FILE [KEY]    unpack every stream, and print nothing
    archive stream FILE ID [KEY]  print a stream; its last part only if the checksum is right
    archive extract FILE ID TO [KEY]  write a stream to a new file

JOB says what to write, and where. KEY is a file with the passphrase of openssl(1), or the identity
of age(1). Memory is bounded, whatever the archive contains.
"""
