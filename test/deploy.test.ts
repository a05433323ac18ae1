import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { describeConfig, loadConfig } from "../src/config.ts";

type Service = {
  environment?: Record<string, string>;
  volumes?: string[];
  ports?: string[];
  read_only?: boolean;
  user?: string;
  stop_grace_period?: string;
};

const root = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const compose = parse(read("docker-compose.yml"), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, object>;
};
const nodes = Object.entries(compose.services).filter(([name]) => name.startsWith("node-"));

/** `${NAME:-default}` as compose fills it in where NAME is not set. */
function filledIn(environment: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, value.replace(/\$\{\w+:-([^}]*)\}/g, "$1")]),
  );
}

describe("docker-compose.yml", () => {
  it("gives three nodes settings that they accept, and none that they do not know", () => {
    const known = new Set(describeConfig({}).map(({ env }) => env));
    expect(nodes.map(([name]) => name)).toEqual(["node-0", "node-1", "node-2"]);
    for (const [name, { environment }] of nodes) {
      const env = filledIn(environment);
      expect(loadConfig(env).name).toBe(name);
      expect(Object.keys(env).filter((each) => each !== "NODE_ENV" && !known.has(each))).toEqual([]);
    }
  });

  it("runs nodes as nobody on a read-only root, and stops them later than they drain", () => {
    const { drainMs } = loadConfig(filledIn(nodes[0]?.[1].environment));
    for (const [, node] of nodes) {
      expect(node).toMatchObject({ read_only: true, user: "65534:65534" });
      expect(Number.parseInt(node.stop_grace_period ?? "0", 10) * 1_000).toBeGreaterThan(drainMs);
    }
  });

  it("publishes ports on this machine only, since its secrets are in the repository", () => {
    const ports = Object.values(compose.services).flatMap((service) => service.ports ?? []);
    expect(ports.filter((port) => !port.startsWith("127.0.0.1:"))).toEqual([]);
  });

  it("mounts files that exist and volumes that it declares", () => {
    const sources = Object.values(compose.services)
      .flatMap((service) => service.volumes ?? [])
      .map((volume) => volume.split(":")[0]!);
    for (const source of sources)
      expect(source.startsWith("./") ? existsSync(join(root, source)) : source in compose.volumes).toBe(true);
  });
});

it("the balancer and Prometheus know every node", () => {
  const targets = parse(read("deploy/prometheus.yml")).scrape_configs[0].static_configs[0].targets;
  expect(targets).toEqual(nodes.map(([name]) => `${name}:9464`));
  const servers = [...read("deploy/haproxy.cfg").matchAll(/^ {4}server (\S+) (\S+)/gm)].map(
    ([, name, address]) => [name, address],
  );
  expect(servers).toEqual(nodes.map(([name]) => [name, `${name}:3000`]));
});

it("the image has every folder that a node imports from, and what the build may see is no more", () => {
  const copied = [...read("deploy/Dockerfile").matchAll(/^COPY (\w+) \1$/gm)].map(([, folder]) => folder);
  expect(copied).toEqual(["protocol", "actors", "gateway", "src"]);
  const visible = [...read(".dockerignore").matchAll(/^!(.+)$/gm)].map(([, name]) => name);
  expect(visible).toEqual(expect.arrayContaining(copied));
});
