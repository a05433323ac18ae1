/** What the schemas do not say of an operation: its name, its group, an example, and that it may answer with a problem. */
import type { RestExample } from "../reference/rest-examples.ts";

export type Json = { [key: string]: unknown };

type Operation = {
  operationId?: string;
  tags?: string[];
  parameters?: { name: string; in: string; example?: unknown }[];
  requestBody?: { required?: boolean; content: Content };
  responses: Record<string, { description: string; content?: Content }>;
};
type Content = Record<string, { schema?: Json; example?: unknown }>;

const JSON_TYPE = "application/json";
const PROBLEM = {
  description: "A refusal: `code` says which, `retry` what to do.",
  content: {
    "application/problem+json": {
      schema: { $ref: "#/components/schemas/Problem" },
      example: {
        type: "about:blank",
        title: "Too Many Requests",
        status: 429,
        detail: "Slow mode: wait before you send again.",
        code: "slow_mode",
        retry: "later",
        retryAfterMs: 8_200,
      },
    },
  },
};
const MEANINGS: Record<string, string> = {
  200: "What was asked for, or what is there already.",
  201: "It was made now.",
};

/** Completes every operation of an OpenAPI document, in place, and answers it. */
export function describeOperations(
  document: Json,
  exampleOf: (method: string, path: string) => RestExample | undefined,
): Json {
  for (const [path, operations] of Object.entries((document.paths ?? {}) as Record<string, Json>)) {
    for (const [method, operation] of Object.entries(operations)) {
      describe(operation as Operation, method, path, exampleOf(method, path));
    }
  }
  return document;
}

function describe(operation: Operation, method: string, path: string, example?: RestExample): void {
  const words = path.split("/").filter((word) => !/^(api|v\d+)?$/.test(word));
  operation.operationId = [method, ...words.map((word) => word.replaceAll(/\W+(\w?)/g, upper))].reduce(
    joined,
  );
  operation.tags = [words[0]!];
  if (takesNothing(operation)) delete operation.requestBody;
  for (const [status, response] of Object.entries(operation.responses)) {
    response.description = MEANINGS[status] ?? response.description;
    if (example && response.content?.[JSON_TYPE]) response.content[JSON_TYPE].example = example.answer;
  }
  operation.responses.default = PROBLEM;
  if (example) addExample(operation, example);
}

function addExample({ parameters, requestBody }: Operation, example: RestExample): void {
  for (const parameter of parameters ?? []) {
    const values = parameter.in === "path" ? example.params : example.query;
    if (values?.[parameter.name] !== undefined) parameter.example = values[parameter.name];
  }
  const body = requestBody?.content[JSON_TYPE];
  if (body && example.body) body.example = example.body;
}

/** A body that may be an empty object or nothing is none: nobody need send it. */
function takesNothing({ requestBody }: Operation): boolean {
  const branches = (requestBody?.content[JSON_TYPE]?.schema?.anyOf ?? []) as Json[];
  return (
    branches.length === 2 &&
    branches.some(({ type }) => type === "null") &&
    branches.some(({ type, properties }) => type === "object" && Object.keys(properties ?? {}).length === 0)
  );
}

/** `get`, `users`, `Id`: `getUsersId`. */
function joined(name: string, word: string): string {
  return name + word.charAt(0).toUpperCase() + word.slice(1);
}

function upper(_match: string, letter: string): string {
  return letter.toUpperCase();
}
