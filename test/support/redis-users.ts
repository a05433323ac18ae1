/** A real Redis with TLS, and with the users of `deploy/redis-acl.conf`. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort } from "../../src/start/free-port.ts";
import { startRedis } from "./redis.ts";
import { removeDir, temporaryDir } from "./temporary.ts";

const ACL_FILE = join(import.meta.dirname, "../../deploy/redis-acl.conf");

export type TestRedisUsers = {
  /** Without TLS, as the user who may do all that a node may. */
  readonly url: string;
  /** `rediss://…` as this user of the file. */
  urlOf(user: string): string;
  /** Signs the server's certificate: for `REDIS_CA_FILE`. */
  readonly caFile: string;
  /** As somebody who may do everything. */
  readonly admin: Redis;
  stop(): Promise<void>;
};

/** Nobody enters without a name and a password. */
export async function startRedisWithUsers(): Promise<TestRedisUsers> {
  const dir = temporaryDir("tls");
  const { keyFile, certFile } = makeCertificate(dir);
  const tlsPort = await freePort();
  const server = await startRedis({
    args: [
      ...["--tls-port", String(tlsPort), "--tls-auth-clients", "no"],
      ...["--tls-cert-file", certFile, "--tls-key-file", keyFile, "--tls-ca-cert-file", certFile],
    ],
  });
  const password = randomBytes(16).toString("hex");
  const setUp = new Redis(server.url);
  for (const [, name = "", rules = ""] of readFileSync(ACL_FILE, "utf8").matchAll(/^user (\S+) (.+)$/gm)) {
    const known = rules.replace(`>change-me-${name}`, `>${password}`).match(/\([^)]*\)|\S+/g) ?? [];
    await setUp.call("ACL", "SETUSER", name, ...known);
  }
  await setUp.call("ACL", "SETUSER", "admin", "on", `>${password}`, "~*", "&*", "+@all");
  await setUp.call("ACL", "SETUSER", "default", "off");
  setUp.disconnect();
  const admin = new Redis(`redis://admin:${password}@127.0.0.1:${server.port}`);
  return {
    url: `redis://hubbub:${password}@127.0.0.1:${server.port}`,
    urlOf: (user) => `rediss://${user}:${password}@127.0.0.1:${tlsPort}`,
    caFile: certFile,
    admin,
    async stop() {
      admin.disconnect();
      await server.stop();
      removeDir(dir);
    },
  };
}

/** Signs itself, for 127.0.0.1 and a day. */
function makeCertificate(dir: string): { keyFile: string; certFile: string } {
  const [keyFile, certFile] = [join(dir, "server.key"), join(dir, "server.crt")];
  const what = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=hubbub-test"];
  const where = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", keyFile, "-out", certFile];
  const { status, error, stderr } = spawnSync("openssl", [...what, ...where], { encoding: "utf8" });
  if (status !== 0)
    throw new Error(`openssl made no certificate (${error?.message ?? stderr}): install openssl`);
  return { keyFile, certFile };
}
