# What rc.subr(8) promises to a script, as far as ours use it: written for these tests from
# its manual and from what it printed on FreeBSD 13.2 (captures/08).

err() { shift; echo "$*" >&2; exit 1; }
warn() { echo "WARNING: $*" >&2; }
check_startmsgs() { [ -z "${rc_quiet}" ]; }

wait_for_pids()
{
	for _pid; do
		while kill -0 "${_pid}" 2>/dev/null; do
			sleep 0.05
		done
	done
}

checkyesno()
{
	eval "_value=\$$1"
	case "${_value}" in
	[Yy][Ee][Ss] | [Tt][Rr][Uu][Ee] | [Oo][Nn] | 1) return 0 ;;
	esac
	return 1
}

load_rc_config()
{
	if [ -r "${RC_CONF}" ]; then
		. "${RC_CONF}"
	fi
}

run_rc_command()
{
	_verb="$1"
	shift
	case "${_verb}" in
	fast*) rc_quiet=yes; _verb="${_verb#fast}" ;;
	quiet*) rc_quiet=yes; _verb="${_verb#quiet}" ;;
	force* | one*)
		_verb="${_verb#force}"
		_verb="${_verb#one}"
		if [ -n "${rcvar}" ]; then
			eval "${rcvar}=YES"
		fi
		;;
	esac
	for _word in start stop restart rcvar enabled describe extracommands ${extra_commands}; do
		if [ "${_word}" = "${_verb}" ]; then
			_known=yes
		fi
	done
	if [ -z "${_known}" ]; then
		echo "$0: unknown directive '${_verb}'." >&2
		exit 1
	fi
	case "${_verb}" in
	enabled) checkyesno "${rcvar}"; return ;;
	describe) echo "${desc}"; return ;;
	extracommands) echo "${extra_commands}"; return ;;
	rcvar) eval "echo ${rcvar}=\$${rcvar}"; return ;;
	esac
	if [ -n "${rcvar}" ] && ! checkyesno "${rcvar}"; then
		if [ -z "${rc_quiet}" ]; then
			echo "Cannot '${_verb}' ${name}. Set ${rcvar} to YES in /etc/rc.conf" \
			    "or use 'one${_verb}' instead of '${_verb}'."
		fi
		return 0
	fi
	if [ "${_verb}" = restart ]; then
		(run_rc_command stop "$@")
		(run_rc_command start "$@")
		return
	fi
	eval "_do=\$${_verb}_cmd"
	eval "${_do} $*"
}
