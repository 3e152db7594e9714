"""What is wrong on this host, and what mends it.

A problem is what keeps a guest from working or lies about; a notice is what an administrator
may want to know. What only some guests need is a problem only where a guest needs it.
"""
