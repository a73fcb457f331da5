#!/usr/bin/env bash
# The first process of a host, in namespaces of its own. Arguments: NAME, then SOURCE=TARGET of all that it may see.
# What it writes goes into memory of its own: the rest of the machine is read-only here.
set -euo pipefail
name=$1 folder=$2
shift 2
hostname "$name"
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /mnt

kept=()
for each in "$@"; do  # put aside before the folders that they may lie in are hidden
    kind=${each%%:*} each=${each#*:}
    aside=/mnt/.aside/${#kept[@]}
    if [[ -d ${each%%=*} ]]; then mkdir -p "$aside"; else mkdir -p /mnt/.aside && touch "$aside"; fi
    case $kind in
        overlay)
            mkdir -p "$aside-upper" "$aside-work"
            mount -t overlay -o "lowerdir=${each%%=*},upperdir=$aside-upper,workdir=$aside-work" overlay "$aside" ;;
        *) mount --bind -o "$kind" "${each%%=*}" "$aside" ;;
    esac
    kept+=("${each#*=}")
done

mount -o remount,bind,ro /
for place in /tmp /var/tmp /run /dev/shm "$HOME"; do mount -t tmpfs tmpfs "$place"; done
chmod 1777 /tmp /var/tmp /dev/shm
chmod 700 "$HOME"
for number in "${!kept[@]}"; do
    target=${kept[$number]}
    if [[ -d /mnt/.aside/$number ]]; then mkdir -p "$target"; else mkdir -p "${target%/*}" && touch "$target"; fi
    mount --bind "/mnt/.aside/$number" "$target"
done
cp -a "$folder/home/." "$HOME"
mount --bind "$folder/hosts" /etc/hosts
: > /run/resolv.conf && mount --bind /run/resolv.conf /etc/resolv.conf  # a name that is not in /etc/hosts is not waited for

ip link set lo up
touch "/mnt/.ready"
[[ $name != laptop ]] || exec sleep infinity
mkdir /run/sshd
exec /usr/sbin/sshd -D -e -f /dev/null -o HostKey="$folder/host_key" -o AuthorizedKeysFile="$folder/key.pub" \
    -o StrictModes=no -o UsePAM=no -o PidFile=none -o UseDNS=no -o PasswordAuthentication=no \
    -o PermitRootLogin=prohibit-password -o MaxSessions=100 -o MaxStartups=100
