/** The second wall: whatever made some HTML, only what a message may hold comes through (rule H6). */
import sanitizeHtml from "sanitize-html";

export const LINK_REL = "noopener nofollow ugc";
/** What a link in a message may open. */
export const LINK_SCHEMES = ["http", "https", "mailto"];
/** The name of a language as it may stand in a class: `ts`, `c++`, `f#`, `objective-c`. */
export const LANGUAGE = /^[a-z0-9+#-]{1,40}$/i;

const ALLOWED: sanitizeHtml.IOptions = {
  allowedTags: [
    "p",
    "br",
    "hr",
    "strong",
    "em",
    "s",
    "code",
    "pre",
    "blockquote",
    "ul",
    "ol",
    "li",
    "a",
    "span",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
  ],
  allowedAttributes: {
    a: ["href", "title", "rel", "target"],
    span: ["class", "data-user-id"],
    code: ["class"],
    ol: ["start"],
  },
  // The classes of highlight.js: `hljs-title function_`.
  allowedClasses: {
    span: ["mention", /^hljs-[a-z_-]{1,40}$/, /^[a-z]{1,40}_{1,2}$/],
    code: [/^language-[a-z0-9+#-]{1,40}$/i],
  },
  allowedSchemes: LINK_SCHEMES,
  allowedSchemesAppliedToAttributes: ["href"],
  allowProtocolRelative: false,
  nestingLimit: 50,
  transformTags: {
    a: (tagName, attribs) => ({ tagName, attribs: { ...attribs, rel: LINK_REL, target: "_blank" } }),
  },
};

/** `html` with everything taken out that a message may not hold. About 1 ms per KiB of markup. */
export function sanitise(html: string): string {
  return sanitizeHtml(html, ALLOWED);
}

/** The opening of a block of code; a language that is no plain word is left out. */
export function codeOpening(language: string | undefined): string {
  return language !== undefined && LANGUAGE.test(language)
    ? `<pre><code class="language-${language}">`
    : "<pre><code>";
}
export const CODE_CLOSING = "</code></pre>";
