/** What people decide for themselves: when and of what they want to be told. */
import * as z from "zod";
import { Notify, NotifyChoice, SettingsChanges, UserSettings } from "../../protocol/people.ts";
import { ChannelPath } from "../../protocol/rest.ts";
import { type Route, route } from "../http/route.ts";
import type { RestOptions } from "./rest-options.ts";

const WithSettings = z.object({ settings: UserSettings });

export function settingsRoutes({ people, router }: RestOptions): Route[] {
  return [
    route("GET /users/me/settings", {
      summary: "The caller's settings",
      answer: WithSettings,
      handle: async ({ userId }) => ({ ok: true, settings: await people.settings(userId) }),
    }),
    route("PATCH /users/me/settings", {
      summary: "Change some of them",
      body: SettingsChanges,
      answer: WithSettings,
      handle: async ({ body, userId }) => ({ ok: true, settings: await people.setSettings(userId, body) }),
    }),
    route("PATCH /channels/:id/members/me", {
      summary: "What the caller wants to be told of in a channel",
      params: ChannelPath,
      body: NotifyChoice,
      answer: z.object({ notify: Notify }),
      async handle({ params, body, userId, trace }) {
        const opened = await router.askChannel(params.id, { type: "open", by: userId }, trace);
        if (!opened.ok) return opened;
        await people.setNotify(userId, params.id, body.notify);
        return { ok: true, notify: body.notify };
      },
    }),
  ];
}
