/** JSON Schema as a reader wants it: a list of fields, each with its type, its bounds, and where it may be absent. */
import { type Html, html } from "./html.ts";

export type Schema = {
  $ref?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  format?: string;
  pattern?: string;
  description?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  items?: Schema | Schema[];
  prefixItems?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
};

/** What JSON can carry exactly, and the last moment of a Date: no bounds worth telling. */
const NO_BOUNDS = new Set([Number.MAX_SAFE_INTEGER, 8_640_000_000_000_000]);

/** The fields of an object, or what else it is. */
export function schemaHtml(schema: Schema): Html {
  const branches = branchesOf(schema);
  if (branches.some(({ properties }) => properties)) {
    return html`${branches.map((branch, i) => html`${i > 0 && html`<p class="or">or</p>`}${schemaHtml(branch)}`)}`;
  }
  if (!schema.properties) return html`<p>${typeHtml(schema)}</p>`;
  const fields = Object.entries(schema.properties);
  if (fields.length === 0) return html`<p>No fields.</p>`;
  return html`<ul class="fields">${fields.map(([name, field]) =>
    fieldHtml(name, field, schema.required?.includes(name) ?? false),
  )}</ul>`;
}

/** One field with its type, and the fields of what it holds. */
export function fieldHtml(name: string, schema: Schema, required: boolean): Html {
  const { description } = schema;
  const held = heldBy(schema);
  return html`<li><code>${name}</code>${required ? "" : html`<span class="may">?</span>`} <span class="type">${typeHtml(schema)}</span>${
    description && html`<span class="about">: ${description}</span>`
  }${held && schemaHtml(held)}</li>`;
}

/** `string, 1 to 80 characters`. */
function typeHtml(schema: Schema): Html {
  const { $ref, enum: words } = schema;
  if ($ref) return linkTo($ref);
  const branches = branchesOf(schema);
  if (branches.length > 0) return listed(branches.map(typeHtml), " or ");
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`;
  if (words)
    return listed(
      words.map((word) => html`<code>${JSON.stringify(word)}</code>`),
      " | ",
    );
  if (schema.type === "array") return arrayHtml(schema);
  if (schema.type === "object" && typeof schema.additionalProperties === "object") {
    return html`map of ${typeHtml(schema.additionalProperties)}`;
  }
  const type = [schema.type ?? "anything"].flat().join(" or ");
  return html`${schema.format ?? type}${boundsOf(schema)}`;
}

function arrayHtml(schema: Schema): Html {
  const parts = schema.prefixItems ?? (Array.isArray(schema.items) ? schema.items : undefined);
  if (parts) return html`[${listed(parts.map(typeHtml), ", ")}]`;
  const { minItems, maxItems } = schema;
  const count = minItems ? ` (${minItems} to ${maxItems ?? "any"})` : maxItems && ` (≤ ${maxItems})`;
  return html`array${count} of ${typeHtml(schema.items as Schema)}`;
}

function boundsOf({ minLength, maxLength, minimum, exclusiveMinimum, maximum }: Schema): string {
  if (maxLength !== undefined) return `, ${minLength ?? 0} to ${maxLength} characters`;
  const least = minimum ?? (exclusiveMinimum === undefined ? undefined : exclusiveMinimum + 1);
  const most = maximum === undefined || NO_BOUNDS.has(maximum) ? undefined : maximum;
  const told = least === undefined || NO_BOUNDS.has(-least) ? undefined : least;
  if (most !== undefined) return told === undefined ? ` ≤ ${most}` : `, ${told} to ${most}`;
  return told === undefined ? "" : ` ≥ ${told}`;
}

/** Of an object, or of an array of objects, what is worth a list of its own. */
function heldBy(schema: Schema): Schema | undefined {
  const inner = schema.type === "array" && !Array.isArray(schema.items) ? schema.items : schema;
  if (inner?.properties) return inner;
  const values = inner?.additionalProperties;
  return typeof values === "object" && values.properties ? values : undefined;
}

/** A reference in `allOf` alone is how draft 7 adds words to one. */
function branchesOf({ allOf, anyOf, oneOf }: Schema): Schema[] {
  return anyOf ?? oneOf ?? allOf ?? [];
}

function listed(parts: readonly Html[], between: string): Html {
  return html`${parts.map((part, i) => html`${i > 0 && between}${part}`)}`;
}

function linkTo($ref: string): Html {
  const name = nameOfThing($ref.split("/").at(-1)!);
  return html`<a href="#thing-${name}">${name}</a>`;
}

/** The documents of requests have a second form of some schemas, named so; to a reader it is the same. */
export function nameOfThing(component: string): string {
  return component.replace(/(?<=.)Input$/, "");
}
