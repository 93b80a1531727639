#!/usr/bin/env python3
"""Starts every container of the rendered kustomize overlay on a container engine, with its literal arguments,
user, read-only root, limits, mounts and probes; together they have to certify.

What a cluster does beside that is done here the way kubelet does it: names of services and pods, `fsGroup`
(volumes and secrets are root's and the group's), `$(NAME)` in values, probes from outside.

Usage: pods.py PATH OF ganglion [OVERLAY]    needs kubectl, root, and the images of images.sh
"""

import os
import pathlib
import re
import shutil
import sys
import tempfile
import time

import yaml

from nodes import DOCKER, Broken, address, epoch, inspect, main, run, same_roots, say, wait

ROOT = pathlib.Path(__file__).parents[2]
IMAGE = {"ganglion:local": "ganglion-ci/ganglion"}
EPOCHS = 5
UNITS = {"Mi": 1 << 20, "Gi": 1 << 30}


def render(ganglion, overlay, work):
    """The overlay's documents, with keys and a manifest that begin now."""
    shutil.copytree(ROOT / "deploy/kustomize", work / "kustomize")
    place = work / "kustomize/overlays" / overlay
    run(ganglion, "testnet", "keys", "--out", str(place / "net"), "--miners", "3",
        "--epoch-length", "5s", "--genesis-in", "40s")
    return list(yaml.safe_load_all(run("kubectl", "kustomize", str(place))))


def size(text):
    return int(text[:-2]) * UNITS[text[-2:]]


class Pod:
    """One replica of a StatefulSet."""

    def __init__(self, documents, workload, ordinal, work, network):
        self.name = f"{workload['metadata']['name']}-{ordinal}"
        self.spec = workload["spec"]["template"]["spec"]
        self.labels = workload["spec"]["template"]["metadata"]["labels"]
        self.claims = {one["metadata"]["name"] for one in workload["spec"]["volumeClaimTemplates"]}
        self.governing = workload["spec"]["serviceName"]
        self.documents, self.work, self.network = documents, work / "pods" / self.name, network
        [self.container] = self.spec["containers"]
        self.engine_name = f"{network}-{self.name}"

    def find(self, kind, name):
        for one in self.documents:
            if one["kind"] == kind and one["metadata"]["name"] == name:
                return one
        raise Broken(f"{self.name} names {kind} {name}, which the overlay lacks")

    def environment(self):
        env = {}
        for source in self.container.get("envFrom", []):
            env |= self.find("ConfigMap", source["configMapRef"]["name"])["data"]
        for one in self.container.get("env", []):
            if "valueFrom" in one:
                if one["valueFrom"]["fieldRef"]["fieldPath"] != "metadata.name":
                    raise Broken(f"{self.name}: only the pod's name can be asked for here")
                env[one["name"]] = self.name
            else:
                env[one["name"]] = expand(one["value"], env)
        return env

    def aliases(self):
        if not any(one["kind"] == "Service" and one["metadata"]["name"] == self.governing
                   for one in self.documents):
            raise Broken(f"{self.name} is of the service {self.governing}, which the overlay lacks")
        for one in self.documents:
            if one["kind"] == "Service" and one["spec"]["selector"].items() <= self.labels.items():
                name = one["metadata"]["name"]
                yield from ((name, f"{self.name}.{name}") if name == self.governing else (name,))

    def mounts(self, env):
        """As arguments of the engine."""
        group = self.spec["securityContext"]["fsGroup"]
        volumes = {one["name"]: one for one in self.spec["volumes"]}
        for mount in self.container["volumeMounts"]:
            name, target = mount["name"], mount["mountPath"]
            if name in self.claims:
                place = self.work / name
                place.mkdir(parents=True)
                os.chown(place, 0, group)
                place.chmod(0o2770)
            elif "emptyDir" in volumes[name]:
                limit = size(volumes[name]["emptyDir"]["sizeLimit"])
                yield from ("--tmpfs", f"{target}:size={limit},mode=1777")
                continue
            else:
                place = self.project(volumes[name], group)
            if "subPathExpr" in mount:
                place = place / expand(mount["subPathExpr"], env)
                if not place.exists():
                    raise Broken(f"{self.name}: volume {name} has no {place.name}")
            mode = ":ro" if mount.get("readOnly") else ""
            yield from ("--volume", f"{place}:{target}{mode}")

    def project(self, volume, group):
        """A ConfigMap or a Secret as files that root owns and the group may read."""
        place = self.work / volume["name"]
        place.mkdir(parents=True, mode=0o755)
        if "configMap" in volume:
            data, mode = self.find("ConfigMap", volume["configMap"]["name"])["data"], 0o644
        else:
            import base64

            secret = self.find("Secret", volume["secret"]["secretName"])["data"]
            data = {name: base64.b64decode(text).decode() for name, text in secret.items()}
            # kubelet gives the group what the owner may read.
            mode = volume["secret"]["defaultMode"] | 0o440
        for name, text in data.items():
            (place / name).write_text(text)
            os.chown(place / name, 0, group)
            (place / name).chmod(mode)
        return place

    def start(self):
        user, box = self.spec["securityContext"], self.container["securityContext"]
        limits, env = self.container["resources"]["limits"], self.environment()
        command = [DOCKER, "run", "--detach", "--name", self.engine_name, "--hostname", self.name,
                   "--network", self.network,
                   "--user", f"{user['runAsUser']}:{user['runAsGroup']}",
                   "--memory", str(size(limits["memory"])), "--cpus", limits["cpu"], "--no-healthcheck"]
        command += ["--read-only"] * box["readOnlyRootFilesystem"]
        command += ["--security-opt", "no-new-privileges"] * (not box["allowPrivilegeEscalation"])
        for name in box["capabilities"]["drop"]:
            command += ["--cap-drop", name]
        for alias in self.aliases():
            command += ["--network-alias", alias]
        for name, value in env.items():
            command += ["--env", f"{name}={value}"]
        command += self.mounts(env)
        run(*command, IMAGE.get(self.container["image"], self.container["image"]), *self.container["args"])

    def api(self):
        return f"{address(self.engine_name)}:{self.port('api')}"

    def port(self, name):
        return next(one["containerPort"] for one in self.container["ports"] if one["name"] == name)

    def probe(self, kind):
        """Whether a probe succeeds within its own patience."""
        probe = self.container[kind]
        target = f"{address(self.engine_name)}:{self.port(probe['httpGet']['port'])}"
        for _ in range(probe.get("failureThreshold", 3)):
            # A page that is no JSON gives status 200 and no value; what counts is the status.
            if status_of(target, probe["httpGet"]["path"], probe.get("timeoutSeconds", 1)) == 200:
                return True
            time.sleep(probe.get("periodSeconds", 10))
        return False

    def stop(self):
        run(DOCKER, "stop", "-t", str(self.spec["terminationGracePeriodSeconds"]), self.engine_name)
        return inspect(self.engine_name)["State"]["ExitCode"]


def status_of(host, path, timeout):
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(f"http://{host}{path}", timeout=timeout) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def expand(text, env):
    return re.sub(r"\$\((\w+)\)", lambda found: env[found.group(1)], text)


def body():
    ganglion, overlay = sys.argv[1], (sys.argv[2:] or ["testnet"])[0]
    network = f"ganglion-pods-{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="ganglion-pods-") as name:
        os.chmod(name, 0o755)
        work = pathlib.Path(name)
        documents = render(ganglion, overlay, work)
        sets = [one for one in documents if one["kind"] == "StatefulSet"]
        pods = []
        for one in sets:
            first = one["spec"].get("ordinals", {}).get("start", 0)
            for ordinal in range(first, first + one["spec"]["replicas"]):
                pods.append(Pod(documents, one, ordinal, work, network))
        run(DOCKER, "network", "create", network)
        try:
            for pod in pods:
                pod.start()
            trial(pods)
        except Broken:
            for pod in pods:
                log = run(DOCKER, "logs", "--tail", "8", pod.engine_name, check=False)
                print(f"-- {pod.name}\n{log}", file=sys.stderr)
            raise
        finally:
            run(DOCKER, "rm", "-f", *(pod.engine_name for pod in pods), check=False)
            run(DOCKER, "network", "rm", network, check=False)


def trial(pods):
    for pod in pods:
        for kind in ("startupProbe", "livenessProbe"):
            if not pod.probe(kind):
                raise Broken(f"{pod.name}: its {kind} fails")
    say(f"{len(pods)} of {len(pods)} containers started with their literal specification")
    for pod in pods:
        wait(f"{pod.name} has certified {EPOCHS} epochs", lambda one=pod: epoch(one.api()) >= EPOCHS, 240)
        wait(f"{pod.name}: its readinessProbe", lambda one=pod: one.probe("readinessProbe"), 60)
    last = same_roots({pod.name: pod.api() for pod in pods})
    say(f"{len(pods)} of {len(pods)} show the same cuts and roots of {last} epochs")
    codes = {pod.name: pod.stop() for pod in pods}
    if any(codes.values()):
        raise Broken(f"not every container ended with 0: {codes}")
    say("pods: held")


if __name__ == "__main__":
    sys.exit(main(body))
