// A template tag for HTML: what is put in is escaped, unless it came from the tag (or is trusted) itself.

class Html {
  constructor(text) {
    this.text = text;
  }
  toString() {
    return this.text;
  }
}

const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function safe(value) {
  if (Array.isArray(value)) return value.map(safe).join("");
  return value instanceof Html ? value.text : String(value).replace(/[&<>"']/g, (c) => escapes[c]);
}

/** html`<b>${text}</b>`; arrays are joined. */
export function html(strings, ...values) {
  return new Html(strings.reduce((all, part, i) => all + safe(values[i - 1]) + part));
}

/** Markup that was made elsewhere. */
export const trusted = (text) => new Html(text);
