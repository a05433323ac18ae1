/** From session actors to the gateways that hold their people: here at once, elsewhere in one message of the bus. */
import type { Devices } from "../../actors/ports.ts";
import type { LocalDevices } from "../ports.ts";
import type { BusMessage, ToDevices } from "./bus.ts";

export type ClusterDevicesOptions = {
  incarnation: string;
  /** Of this node. */
  local: () => LocalDevices;
  send: (to: string, message: BusMessage) => boolean;
};

export class ClusterDevices implements Devices {
  readonly #options: ClusterDevicesOptions;

  constructor(options: ClusterDevicesOptions) {
    this.#options = options;
  }

  tellUser(node: string, ...[userId, event, payload]: Parameters<LocalDevices["tellUser"]>): void {
    this.#tell(node, { type: "tell_user", userId, event, payload });
  }

  tellViewers(node: string, ...[viewers, presence]: Parameters<LocalDevices["tellViewers"]>): void {
    this.#tell(node, { type: "tell_viewers", viewers, presence });
  }

  replace(node: string, ...[userId, connectionIds]: Parameters<LocalDevices["replace"]>): void {
    this.#tell(node, { type: "replace", userId, connectionIds });
  }

  /** A session actor of another node has this for the gateway here. */
  heard(message: ToDevices): void {
    const local = this.#options.local();
    if (message.type === "tell_user") local.tellUser(message.userId, message.event, message.payload);
    else if (message.type === "tell_viewers") local.tellViewers(message.viewers, message.presence);
    else local.replace(message.userId, message.connectionIds);
  }

  /** A node that is gone hears nothing: its connections are gone as well. */
  #tell(node: string, message: ToDevices): void {
    if (node === this.#options.incarnation) this.heard(message);
    else this.#options.send(node, message);
  }
}
