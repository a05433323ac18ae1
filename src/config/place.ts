/** Where a node lives: name, addresses, transports, folder, log. */
import { hostname } from "node:os";
import { matching, originsOf, urlOf } from "./forms.ts";
import { oneOf, onOff, optional, someOf, text, whole } from "./setting.ts";

/** Where a node lives: name, addresses, transports, folder, log. Field names are those of `Config`. */
export const PLACE_SETTINGS = {
  name: text({
    env: "HUBBUB_NAME",
    unit: "name",
    fallback:
      hostname()
        .toLowerCase()
        .replace(/[^a-z\d.-]/g, "-")
        .slice(0, 63) || "node",
    bound: "1–63 of a–z, 0–9, . and -",
    read: matching(/^[a-z\d][a-z\d.-]{0,62}$/),
    reason:
      "Names the node to people; its incarnation adds a nonce. The host's name: what an orchestrator calls it",
    source: "design 40",
  }),
  roles: someOf({
    env: "HUBBUB_ROLES",
    unit: "roles",
    words: ["gateway", "actors", "worker"],
    reason:
      "Gateways hold sockets, actors hold shards, workers run jobs. All: one kind of node until one part needs more",
    source: "design 40",
  }),
  host: text({
    env: "HUBBUB_HOST",
    unit: "address",
    fallback: "::",
    bound: "an address of this machine",
    read: matching(/^[\w.:-]{1,253}$/),
    reason: "Address to listen on. All, IPv4 included: a balancer is elsewhere",
    source: "chosen",
  }),
  port: whole({
    env: "PORT",
    unit: "port",
    fallback: 3000,
    min: 0,
    max: 65_535,
    reason: "Page, API and Socket.IO; 0 takes a free one",
    source: "design 40",
  }),
  metricsPort: whole({
    env: "METRICS_PORT",
    unit: "port",
    fallback: 9464,
    min: 0,
    max: 65_535,
    reason: "Metrics, health and the admin API, away from clients; 0 takes a free one",
    source: "design 40; 9464 is OpenTelemetry's for Prometheus",
  }),
  publicUrl: optional(
    text({
      env: "HUBBUB_PUBLIC_URL",
      unit: "URL",
      bound: "http(s)://…",
      read: urlOf("http:", "https:"),
      reason: "How operators reach this node, shown by `hubbub status`; empty: from host and port",
      source: "chosen",
    }),
  ),
  publicMetricsUrl: optional(
    text({
      env: "HUBBUB_PUBLIC_METRICS_URL",
      unit: "URL",
      bound: "http(s)://…",
      read: urlOf("http:", "https:"),
      reason:
        "How operators and other tools reach the admin API of this node; empty: from host and metrics port",
      source: "chosen",
    }),
  ),
  origins: text({
    env: "HUBBUB_ORIGINS",
    unit: "origins",
    fallback: "",
    bound: "http(s)://host[:port] with commas, or *",
    read: originsOf,
    reason: "Other sites whose pages may connect; empty: pages of this node and clients that are no browsers",
    source: "design 50: origin matrix",
  }),
  transports: someOf({
    env: "HUBBUB_TRANSPORTS",
    unit: "transports",
    words: ["websocket", "polling"],
    reason: "Polling reaches through old proxies and needs stickiness behind a balancer",
    source: "design 20",
  }),
  dataDir: text({
    env: "HUBBUB_DATA_DIR",
    unit: "folder",
    fallback: ".data",
    bound: "a path",
    read: (given) => given,
    reason: "Embedded servers, logs and the cluster's file of `npm start`",
    source: "design 40",
  }),
  demo: onOff({
    env: "HUBBUB_DEMO",
    unit: "switch",
    fallback: "off",
    reason: "Demo people and channels on first run; `npm start` with embedded servers switches it on",
    source: "design 40",
  }),
  logLevel: oneOf({
    env: "HUBBUB_LOG_LEVEL",
    unit: "level",
    words: ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
    fallback: "info",
    reason: "One line per event that an operator cares about",
    source: "design 40",
  }),
};
