// Forms on a page, and what a browser sends of one.

const MARKS = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text) => String(text ?? '').replace(/[&<>"]/g, (one) => MARKS[one]);

// A form with `values` that no one sees, and `fields` that a person fills in.
export const hidden = (action, values, fields) => `<!doctype html><form method="post" action="${escaped(action)}">${
  Object.entries(values).map(([name, value]) => `<input type="hidden" name="${name}" value="${escaped(value)}"/>`).join('')}${
  fields.map((name) => `<input name="${name}"/>`).join('')}<button>Go on</button></form>`;

export const answer = (response, status, body, headers = {}) => {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', ...headers });
  response.end(body);
};

export const filledIn = async (request) => {
  let body = '';
  for await (const part of request) body += part;
  return Object.fromEntries(new URLSearchParams(body));
};
