"""What guests and the host used in the past: recorded by `stats record`, shown by `stats --since`.

A file for each guest, of three rings of records: the daemon writes it, and all others read it.
"""
