/** Someone at the page: does what a person does there, and sees what a person sees. */
import type { Browser, BrowserContext, Page, WebSocketRoute } from "playwright-core";
import type { Person } from "./people.ts";

/** Wide enough for the list beside the conversation. */
export const WIDE = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/** Of one step on the page, milliseconds: a machine with two busy cores. */
const STEP_WITHIN_MS = 15_000;
/** A reconnection: 5 s at most between two tries, and a node that has just started. */
const ONLINE_WITHIN_MS = 30_000;

/** Of engine.io, from the page: all further traffic takes the WebSocket. */
const UPGRADED = "5";

export class Visitor {
  readonly page: Page;
  /** Errors and warnings of the console, and what was thrown and not caught, in order. */
  readonly complaints: string[] = [];
  readonly #context: BrowserContext;

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context;
    this.page = page;
    page.setDefaultTimeout(STEP_WITHIN_MS);
    page.on("pageerror", (error) => this.complaints.push(`thrown: ${error.message}`));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()))
        this.complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`);
    });
  }

  /** Opens the page of a node in a context of its own: no storage is shared with others. */
  static async at(browser: Browser, nodeUrl: string, viewport = WIDE): Promise<Visitor> {
    const context = await browser.newContext({ viewport });
    const visitor = new Visitor(context, await context.newPage());
    await visitor.page.goto(nodeUrl);
    return visitor;
  }

  /** Fills in the form and presses the button; what follows is the caller's to see. */
  async logIn(login: string, password: string): Promise<void> {
    await this.page.getByLabel("Name or e-mail").fill(login);
    await this.page.getByLabel("Password").fill(password);
    await this.page.getByRole("button", { name: "Log in" }).click();
  }

  /** Logs in, waits for the connection, and turns to a conversation, by joining it when it is new. */
  async enter({ username, password }: Person, conversation: string): Promise<void> {
    await this.logIn(username, password);
    await this.isOnline();
    await this.turnTo(conversation);
  }

  async turnTo(conversation: string): Promise<void> {
    await this.page.getByRole("navigation").getByRole("button", { name: conversation }).click();
    await this.page.getByRole("heading", { name: conversation }).waitFor();
  }

  async say(text: string): Promise<void> {
    await this.page.getByLabel("Message", { exact: true }).fill(text);
    await this.page.keyboard.press("Enter");
  }

  /** Texts of the conversation on screen, from top to bottom, unsent ones included. */
  async reads(): Promise<string[]> {
    return this.page.locator("#messages .body").allInnerTexts();
  }

  /** Waits until the page says that it is connected. */
  async isOnline(): Promise<void> {
    await this.page.getByText("Connected to").waitFor({ timeout: ONLINE_WITHIN_MS });
  }

  /** Waits until the page says that it is not. */
  async isOffline(): Promise<void> {
    await this.page.getByText("Not connected").waitFor();
  }

  /** Reloads the page with a socket that the returned `deafen` makes deaf: what it says arrives, what it would hear is lost. */
  async behindBadLine(): Promise<{ deafen(): void; cut(): Promise<void> }> {
    const line = Promise.withResolvers<WebSocketRoute>();
    let isDeaf = false;
    await this.page.routeWebSocket(/socket\.io/, (route) => {
      const server = route.connectToServer();
      route.onMessage((frame) => {
        server.send(frame);
        if (frame === UPGRADED) line.resolve(route);
      });
      server.onMessage((frame) => {
        if (!isDeaf) route.send(frame);
      });
    });
    await this.page.reload();
    const route = await line.promise;
    const cut = async () => {
      isDeaf = false;
      await route.close();
    };
    return { deafen: () => (isDeaf = true), cut };
  }

  async leave(): Promise<void> {
    await this.#context.close();
  }
}
