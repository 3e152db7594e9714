# fish(1) completion for bsdvirt(8); see complete in share/bsdvirt.

set -g __bsdvirt_complete (path resolve (status dirname)/../../bsdvirt/complete)
test -x $__bsdvirt_complete; or set -g __bsdvirt_complete (path resolve (status dirname)/complete)

function __bsdvirt_words
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($__bsdvirt_complete $words[2..] "$current")
        if test "$line" = '<files>'
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end

complete -c bsdvirt -f -a '(__bsdvirt_words)'
