/** Number of events of a subscription that GraphiQL shows. */
const shownEvents = 50;

/**
 * Script that executes the operations of GraphiQL.
 *
 * `runOperation` carries values of the results over, asks for the file of an upload, and shows the last events of a subscription,
 * where GraphiQL itself shows the latest one. `execute` is GraphiQL's own way of executing.
 */
export const runScript = `
async function runOperation(params, headers, execute) {
  dropPlaceholder(headers);
  nameOperation(params);
  const file = findFile(params);
  const result = await (file === undefined ? execute() : upload(params, headers, file));
  if (result?.[Symbol.asyncIterator]) return showEvents(result[Symbol.asyncIterator]());
  carryFrom(result?.data);
  return result;
}
/** Before signing in there is no token: the server would refuse the placeholder, also for public operations. */
function dropPlaceholder(headers) {
  for (const [name, value] of Object.entries(headers ?? {}))
    if (String(value).endsWith(carried.token.placeholder)) delete headers[name];
}
/** Right after a tab came to the front, GraphiQL names an operation of the tab before. */
function nameOperation(params) {
  const operations = params.query.replace(/#.*/g, '').matchAll(/\\b(?:query|mutation|subscription)\\s+(\\w+)/g);
  const names = Array.from(operations, ([, name]) => name);
  if (!names.includes(params.operationName)) params.operationName = names[0];
}
/** Returns the name of a variable for a file that has none yet. */
function findFile({ query, variables }) {
  const [, name] = /\\$(\\w+)\\s*:\\s*Upload\\b/.exec(query) ?? [];
  return variables?.[name] == null ? name : undefined;
}
async function upload({ query, variables, operationName }, headers, name) {
  const file = await chooseFile();
  if (!file) return { errors: [{ message: 'No file was chosen. Press play again and choose one.' }] };
  const form = new FormData();
  form.append('operations', JSON.stringify({ query, operationName, variables: { ...variables, [name]: null } }));
  form.append('map', JSON.stringify({ 0: ['variables.' + name] }));
  form.append('0', file);
  const sent = { accept: 'application/json', 'graphql-require-preflight': '1', ...headers };
  return (await fetch('/graphql', { method: 'POST', headers: sent, body: form })).json();
}
function chooseFile() {
  const input = Object.assign(document.createElement('input'), { type: 'file' });
  return new Promise((resolve) => {
    input.addEventListener('change', () => resolve(input.files[0]));
    input.addEventListener('cancel', () => resolve(undefined));
    input.click();
  });
}
/** Not an async generator: its \`return\` would wait for the next event. */
function showEvents(source) {
  const events = [];
  let received = 0;
  let hasEnded = false;
  const shown = (rest) => ({ done: false, value: { received, ...rest, newestFirst: [...events] } });
  const fail = (error) => {
    if (hasEnded || received === 0) throw error;
    hasEnded = true;
    return shown({ ended: describeEnd(error) });
  };
  const add = ({ done, value }) => {
    if (done) return { done, value };
    carryFrom(value.data);
    events.unshift({ event: ++received, at: new Date().toISOString(), ...value });
    events.length = Math.min(events.length, ${shownEvents});
    return shown();
  };
  return {
    [Symbol.asyncIterator]() { return this; },
    next: () => (hasEnded ? Promise.resolve({ done: true, value: undefined }) : source.next().then(add, fail)),
    return: () => source.return?.() ?? Promise.resolve({ done: true, value: undefined }),
  };
}
function describeEnd(error) {
  return error?.message ?? error?.reason ?? String(error);
}
`;
