"""Start guests when the host boots, stop them when it shuts down."""
