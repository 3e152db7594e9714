# tcsh(1) completion for bsdvirt(8): put this into ~/.tcshrc
#	source /usr/local/share/examples/bsdvirt/bsdvirt.tcsh

complete bsdvirt 'p@*@`/usr/local/share/bsdvirt/complete --plain-line "$COMMAND_LINE"`@'
