# ruff: noqa: E501
"""Output of bhyve(8) and bhyvectl(8) of 13.2, as captured."""

from __future__ import annotations

USAGE = """\
Usage: bhyve [-AaCDeHhPSuWwxY]
             [-c [[cpus=]numcpus][,sockets=n][,cores=n][,threads=n]]
             [-G port] [-k config_file] [-l lpc] [-m mem] [-o var=value]
             [-p vcpu:hostcpu] [-r file] [-s pci] [-U uuid] vmname
       -A: create ACPI tables
       -a: local apic is in xAPIC mode (deprecated)
       -C: include guest memory in core file
       -c: number of CPUs and/or topology specification
       -D: destroy on power-off
       -e: exit on unhandled I/O access
       -G: start a debug server
       -H: vmexit from the guest on HLT
       -h: help
       -k: key=value flat config file
       -K: PS2 keyboard layout
       -l: LPC device configuration
       -m: memory size
       -o: set config 'var' to 'value'
       -P: vmexit from the guest on pause
       -p: pin 'vcpu' to 'hostcpu'
       -S: guest memory cannot be swapped
       -s: <slot,driver,configinfo> PCI slot config
       -U: UUID
       -u: RTC keeps UTC time
       -W: force virtio to use single-vector MSI
       -w: ignore unimplemented MSRs
       -x: local APIC is in x2APIC mode
       -Y: disable MPtable generation
"""

DEVICES = """\
ahci
ahci-hd
ahci-cd
e1000
dummy
hda
fbuf
amd_hostbridge
hostbridge
lpc
nvme
passthru
virtio-9p
virtio-blk
virtio-console
virtio-input
virtio-net
virtio-rnd
virtio-scsi
uart
xhci
"""

LPC_DEVICES = """\
bootrom
com1
com2
com3
com4
pc-testdev
"""

BHYVECTL_USAGE = """\
Usage: bhyvectl --vm=<vmname>
       [--cpu=<vcpu_number>]
       [--create]
       [--destroy]
       [--get-all]
       [--get-stats]
       [--set-desc-ds]
       [--get-desc-ds]
       [--set-desc-es]
       [--get-desc-es]
       [--set-desc-gs]
       [--get-desc-gs]
       [--set-desc-fs]
       [--get-desc-fs]
       [--set-desc-cs]
       [--get-desc-cs]
       [--set-desc-ss]
       [--get-desc-ss]
       [--set-desc-tr]
       [--get-desc-tr]
       [--set-desc-ldtr]
       [--get-desc-ldtr]
       [--set-desc-gdtr]
       [--get-desc-gdtr]
       [--set-desc-idtr]
       [--get-desc-idtr]
       [--run]
       [--capname=<capname>]
       [--getcap]
       [--setcap=<0|1>]
       [--desc-base=<BASE>]
       [--desc-limit=<LIMIT>]
       [--desc-access=<ACCESS>]
       [--set-cr0=<CR0>]
       [--get-cr0]
       [--set-cr2=<CR2>]
       [--get-cr2]
       [--set-cr3=<CR3>]
       [--get-cr3]
       [--set-cr4=<CR4>]
       [--get-cr4]
       [--set-dr0=<DR0>]
       [--get-dr0]
       [--set-dr1=<DR1>]
       [--get-dr1]
       [--set-dr2=<DR2>]
       [--get-dr2]
       [--set-dr3=<DR3>]
       [--get-dr3]
       [--set-dr6=<DR6>]
       [--get-dr6]
       [--set-dr7=<DR7>]
       [--get-dr7]
       [--set-rsp=<RSP>]
       [--get-rsp]
       [--set-rip=<RIP>]
       [--get-rip]
       [--get-rax]
       [--set-rax=<RAX>]
       [--get-rbx]
       [--get-rcx]
       [--get-rdx]
       [--get-rsi]
       [--get-rdi]
       [--get-rbp]
       [--get-r8]
       [--get-r9]
       [--get-r10]
       [--get-r11]
       [--get-r12]
       [--get-r13]
       [--get-r14]
       [--get-r15]
       [--set-rflags=<RFLAGS>]
       [--get-rflags]
       [--set-cs]
       [--get-cs]
       [--set-ds]
       [--get-ds]
       [--set-es]
       [--get-es]
       [--set-fs]
       [--get-fs]
       [--set-gs]
       [--get-gs]
       [--set-ss]
       [--get-ss]
       [--get-tr]
       [--get-ldtr]
       [--set-x2apic-state=<state>]
       [--get-x2apic-state]
       [--unassign-pptdev=<bus/slot/func>]
       [--set-mem=<memory in units of MB>]
       [--get-lowmem]
       [--get-highmem]
       [--get-gpa-pmap]
       [--assert-lapic-lvt=<pin>]
       [--inject-nmi]
       [--force-reset]
       [--force-poweroff]
       [--get-rtc-time]
       [--set-rtc-time=<secs>]
       [--get-rtc-nvram]
       [--set-rtc-nvram=<val>]
       [--rtc-nvram-offset=<offset>]
       [--get-active-cpus]
       [--get-suspended-cpus]
       [--get-intinfo]
       [--get-eptp]
       [--set-exception-bitmap]
       [--get-exception-bitmap]
       [--get-tsc-offset]
       [--get-guest-pat]
       [--get-io-bitmap-address]
       [--get-msr-bitmap]
       [--get-msr-bitmap-address]
       [--get-guest-sysenter]
       [--get-exit-reason]
       [--get-cpu-topology]
       [--get-vmcb-intercepts]
       [--get-vmcb-asid]
       [--get-vmcb-exit-details]
       [--get-vmcb-tlb-ctrl]
       [--get-vmcb-virq]
       [--get-avic-apic-bar]
       [--get-avic-backing-page]
       [--get-avic-table]
"""

STATS = """\
vcpu0 stats:
number of times in/out was intercepted  	292174
number of times cpuid was intercepted   	2311
vm exits due to nested page fault       	11610
vm exits for instruction emulation      	235287
number of vm exits for unknown reason   	0
number of times astpending at exit      	5567
number of times idle requested at exit  	0
number of vm exits handled in userspace 	390154
number of times rendezvous pending at exit	0
number of vm exits due to exceptions    	0
number of ExtINTs delivered to vcpu     	0
Resident memory                         	{resident}
Wired memory                            	{wired}
vcpu total runtime                      	74844332122
number of ticks vcpu was idle           	433
EOI without any in-service interrupt    	1
error interrupts generated by vlapic    	0
timer interrupts generated by vlapic    	6817
corrected machine check interrupts generated by vlapic	0
lvts triggered[0]                       	0
lvts triggered[1]                       	0
lvts triggered[2]                       	0
lvts triggered[3]                       	0
lvts triggered[4]                       	0
lvts triggered[5]                       	0
lvts triggered[6]                       	0
number of NMIs delivered to vcpu        	0
vcpu migration across host cpus         	1
total number of vm exits                	691380
vm exits due to external interrupt      	15094
number of times hlt was intercepted     	466
number of times %cr access was intercepted	0
number of times rdmsr was intercepted   	5
VM exits during event delivery          	0
Events pending at VM entry              	0
VM exits due to interrupt window        	10880
number of times wrmsr was intercepted   	2
number of monitor trap exits            	0
number of times pause was intercepted   	123551
vm exits due to interrupt window opening	0
vm exits due to nmi window opening      	0
"""
