"""Output of bhyve(8) and bhyvectl(8) of 15.1, as captured."""

from __future__ import annotations

USAGE = """\
Usage: bhyve [-aCDeHhPSuWwxY]
             [-c [[cpus=]numcpus][,sockets=n][,cores=n][,threads=n]]
             [-G port] [-k config_file] [-l lpc] [-m mem] [-o var=value]
             [-p vcpu:hostcpu] [-r file] [-s pci] [-U uuid] vmname
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
       -n: NUMA domain specification
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
amd_hostbridge
hostbridge
nvme
uart
virtio-9p
virtio-blk
virtio-console
virtio-input
virtio-net
virtio-rnd
virtio-scsi
xhci
fbuf
lpc
passthru
"""

LPC_DEVICES = """\
bootrom
com1
com2
com3
com4
tpm
pc-testdev
"""

BHYVECTL_USAGE = """\
Usage: bhyvectl --vm=<vmname>
       [--cpu=<vcpu_number>]
       [--set-mem=<memory in units of MB>]
       [--capname=<capname>]
       [--setcap=<0|1>]
       [--getcap]
       [--get-stats]
       [--get-memmap]
       [--get-memseg]
       [--get-all]
       [--run]
       [--create]
       [--destroy]
       [--force-reset]
       [--force-poweroff]
       [--get-active-cpus]
       [--get-debug-cpus]
       [--get-suspended-cpus]
       [--get-cpu-topology]
       [--set-efer=<EFER>]
       [--set-cr0=<CR0>]
       [--set-cr2=<CR2>]
       [--set-cr3=<CR3>]
       [--set-cr4=<CR4>]
       [--set-dr0=<DR0>]
       [--set-dr1=<DR1>]
       [--set-dr2=<DR2>]
       [--set-dr3=<DR3>]
       [--set-dr6=<DR6>]
       [--set-dr7=<DR7>]
       [--set-rsp=<RSP>]
       [--set-rip=<RIP>]
       [--set-rax=<RAX>]
       [--set-rflags=<RFLAGS>]
       [--desc-base=<BASE>]
       [--desc-limit=<LIMIT>]
       [--desc-access=<ACCESS>]
       [--set-cs=<CS>]
       [--set-ds=<DS>]
       [--set-es=<ES>]
       [--set-fs=<FS>]
       [--set-gs=<GS>]
       [--set-ss=<SS>]
       [--set-tr=<TR>]
       [--set-ldtr=<LDTR>]
       [--set-x2apic-state=<state>]
       [--unassign-pptdev=<bus/slot.func>]
       [--get-gpa-pmap=<gpa>]
       [--assert-lapic-lvt=<pin>]
       [--get-rtc-time]
       [--set-rtc-time=<secs>]
       [--rtc-nvram-offset=<offset>]
       [--get-rtc-nvram]
       [--set-rtc-nvram=<val>]
       [--get-desc-ds]
       [--set-desc-ds]
       [--get-desc-es]
       [--set-desc-es]
       [--get-desc-ss]
       [--set-desc-ss]
       [--get-desc-cs]
       [--set-desc-cs]
       [--get-desc-fs]
       [--set-desc-fs]
       [--get-desc-gs]
       [--set-desc-gs]
       [--get-desc-tr]
       [--set-desc-tr]
       [--set-desc-ldtr]
       [--get-desc-ldtr]
       [--set-desc-gdtr]
       [--get-desc-gdtr]
       [--set-desc-idtr]
       [--get-desc-idtr]
       [--get-efer]
       [--get-cr0]
       [--get-cr2]
       [--get-cr3]
       [--get-cr4]
       [--get-dr0]
       [--get-dr1]
       [--get-dr2]
       [--get-dr3]
       [--get-dr6]
       [--get-dr7]
       [--get-rsp]
       [--get-rip]
       [--get-rax]
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
       [--get-rflags]
       [--get-cs]
       [--get-ds]
       [--get-es]
       [--get-fs]
       [--get-gs]
       [--get-ss]
       [--get-tr]
       [--get-ldtr]
       [--get-eptp]
       [--get-exception-bitmap]
       [--get-io-bitmap-address]
       [--get-tsc-offset]
       [--get-msr-bitmap]
       [--get-msr-bitmap-address]
       [--get-guest-pat]
       [--get-guest-sysenter]
       [--get-exit-reason]
       [--get-x2apic-state]
       [--inject-nmi]
       [--get-intinfo]
       [--get-vmcb-intercepts]
       [--get-vmcb-asid]
       [--get-vmcb-exit-details]
       [--get-vmcb-tlb-ctrl]
       [--get-vmcb-virq]
       [--get-avic-apic-bar]
       [--get-avic-backing-page]
       [--get-avic-table]
"""
