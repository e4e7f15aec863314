"""Docker's options that are refused here: why, and what does it instead. Nothing else is here."""

from collections.abc import Mapping

NOTHING = "nothing does it instead"
STORAGE = ("builds have no volumes", "processes and runs have: the phases deploy and run")
LIMIT = ("it is a limit of the app", "paas resource:limit")
PORTS = ("requests come through the proxy", "paas ports:add")
NETWORK = ("every app has a network of its own", NOTHING)
ISOLATION = ("no container sees more of the server than another", NOTHING)
CHECKS = ("checks are asked from outside", "healthchecks in app.json, or paas checks:set")
LOGS = ("logs are kept by the platform", "paas logs:set max-size")
RUN = ("containers are started and named by the platform", "paas run, or paas run:detached")

REFUSED: Mapping[str, tuple[str, str]] = {
    "--attach": RUN,
    "--blkio-weight": ("disks are shared evenly", "paas resource:limit --disk-read, --disk-write"),
    "--cap-add": ("an image's root has what it needs in its own range of ids", NOTHING),
    "--cgroup-parent": ISOLATION,
    "--cgroupns": ISOLATION,
    "--cpu-period": ("it is said in cores", "--cpus, or paas resource:limit --cpu"),
    "--cpu-quota": ("it is said in cores", "--cpus, or paas resource:limit --cpu"),
    "--cpu-shares": ("it is a limit of the app", "paas resource:reserve --cpu"),
    "--cpus": ("it is a limit of the app", "paas resource:limit --cpu"),
    "--cpuset-cpus": ("processors are shared by weight", "--cpus, or paas resource:reserve --cpu"),
    "--detach": RUN,
    "--device": ("containers have no devices of the server", NOTHING),
    "--device-cgroup-rule": ("containers have no devices of the server", NOTHING),
    "--device-read-bps": ("it is a limit of the app", "paas resource:limit --disk-read"),
    "--device-write-bps": ("it is a limit of the app", "paas resource:limit --disk-write"),
    "--entrypoint": ("what runs is said by process type", "a Procfile, or paas ps:set start-cmd"),
    "--env": ("it is a variable of the app", "paas config:set, with --build for builds alone"),
    "--env-file": ("files of the server are not read", "paas config:import"),
    "--expose": PORTS,
    "--file": ("it is a property of the app", "paas builder-dockerfile:set dockerfile-path"),
    "--gpus": ("containers have no devices of the server", NOTHING),
    "--health-cmd": CHECKS,
    "--health-interval": CHECKS,
    "--health-retries": CHECKS,
    "--health-timeout": CHECKS,
    "--interactive": RUN,
    "--ip": NETWORK,
    "--ipc": ISOLATION,
    "--kernel-memory": LIMIT,
    "--link": ("apps reach each other through networks they share", "paas network:help"),
    "--log-driver": LOGS,
    "--log-opt": LOGS,
    "--mac-address": NETWORK,
    "--memory": ("it is a limit of the app", "paas resource:limit --memory"),
    "--memory-swap": ("it is a limit of the app", "paas resource:limit --memory-swap"),
    "--mount": STORAGE,
    "--name": RUN,
    "--net": NETWORK,
    "--network": NETWORK,
    "--oom-kill-disable": ("a container over its memory is ended", "paas resource:limit --memory"),
    "--pid": ISOLATION,
    "--pids-limit": ("it is a limit of the app", "paas resource:limit --pids"),
    "--platform": ("images are for this server's processor", NOTHING),
    "--privileged": ("no container may have the server's powers", NOTHING),
    "--publish": PORTS,
    "--publish-all": PORTS,
    "--restart": ("a one-off run is not started again", "paas ps:set restart-policy for processes"),
    "--rm": RUN,
    "--runtime": ("there is one engine", NOTHING),
    "--secret": ("every variable of the app is a secret of its build, by its name", NOTHING),
    "--ssh": ("no agent is handed to builds", NOTHING),
    "--storage-opt": ("it is a limit of the app", "paas resource:limit --disk"),
    "--sysctl": ISOLATION,
    "--tty": RUN,
    "--userns": ("every app has its own range of ids", NOTHING),
    "--uts": ISOLATION,
    "--volume": STORAGE,
    "--volumes-from": ("volumes are shared by their names", "paas storage:mount"),
}
SHORT = {
    "-c": "--cpu-shares",
    "-d": "--detach",
    "-e": "--env",
    "-f": "--file",
    "-h": "--hostname",
    "-i": "--interactive",
    "-l": "--label",
    "-m": "--memory",
    "-p": "--publish",
    "-t": "--tty",
    "-u": "--user",
    "-v": "--volume",
    "-w": "--workdir",
}
