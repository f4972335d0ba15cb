/**
 * Values that GraphiQL carries from results into the editors of all tabs: tokens into the header `Authorization`, the others into
 * the variables of the same name.
 *
 * `placeholder` stands there until an operation returned the value, and after signing out. `paths` lead to the value in the data
 * of a result; the newest result counts.
 */
export const carried = {
  token: {
    placeholder: 'PRESS PLAY IN THE FIRST TAB',
    paths: ['guest.token', 'register.token', 'login.token', 'refresh.token'],
  },
  refreshToken: {
    placeholder: 'PRESS PLAY IN THE FIRST TAB',
    paths: ['guest.refreshToken', 'register.refreshToken', 'login.refreshToken', 'refresh.refreshToken'],
  },
  channelId: {
    placeholder: 'OPEN A ROOM IN TAB 2',
    paths: ['createRoom.id', 'joinRoom.id', 'openDirect.id', 'match.channel.id'],
  },
  messageId: { placeholder: 'SEND A MESSAGE IN TAB 3', paths: ['send.message.id'] },
  seq: { placeholder: 0, paths: ['send.message.seq'] },
  attachmentId: { placeholder: 'UPLOAD A FILE IN TAB 8', paths: ['upload.id', 'finishUpload.id'] },
  friendId: { placeholder: 'PRESS PLAY IN TAB 10', paths: ['friend.user.id'] },
} as const satisfies Record<string, { placeholder: string | number; paths: readonly string[] }>;

/**
 * Script that carries values between the tabs of GraphiQL.
 *
 * `carryFrom` reads them from the data of a result, `followTabs` takes GraphiQL's state at each change. A value replaces its
 * placeholder or the value carried before, in every tab; a value that the user typed stays. The texts of the tab in front are in
 * its editors, those of the others in GraphiQL's state, which it reads when a tab comes to the front. The storage of the browser
 * tab keeps the values, beside the editors that GraphiQL keeps there, until the window is closed or the session ends by `logout`,
 * which replaces them by their placeholders.
 */
export const carryScript = `
const carried = ${JSON.stringify(carried)};
const carriedKey = 'parley:carried';
const headersTemplate = '{\\n  "Authorization": "Bearer ' + carried.token.placeholder + '"\\n}';
const earlierKey = 'parley:earlier';
let values = readValues();
/** The last values that were replaced: after a reload, GraphiQL may restore tabs of half a second before. */
let earlier = JSON.parse(sessionStorage.getItem(earlierKey) ?? '[]');
let state = { tabs: [], activeTabIndex: 0 };

function readValues() {
  const placeholders = Object.entries(carried).map(([name, { placeholder }]) => [name, placeholder]);
  try {
    return { ...Object.fromEntries(placeholders), ...JSON.parse(sessionStorage.getItem(carriedKey)) };
  } catch {
    return Object.fromEntries(placeholders);
  }
}
function valueAt(data, path) {
  return path.split('.').reduce((value, key) => value?.[key], data) ?? undefined;
}
function carryFrom(data) {
  if (data?.logout) return forget();
  const found = Object.entries(carried).flatMap(([name, { paths }]) => {
    const value = paths.map((path) => valueAt(data, path)).find((value) => value !== undefined);
    return value === undefined ? [] : [[name, value]];
  });
  if (found.length === 0) return;
  earlier = [...found.map(([name]) => values[name]).filter((value) => typeof value === 'string'), ...earlier].slice(0, 50);
  sessionStorage.setItem(earlierKey, JSON.stringify(earlier));
  replaceValues({ ...values, ...Object.fromEntries(found) });
  sessionStorage.setItem(carriedKey, JSON.stringify(values));
}
function forget() {
  sessionStorage.removeItem(carriedKey);
  replaceValues(readValues());
  earlier = [];
  sessionStorage.removeItem(earlierKey);
  for (const tab of state.tabs) tab.response = null;
}
function replaceValues(next) {
  const previous = values;
  values = next;
  fillTabs(previous);
}
function followTabs(next) {
  state = next;
  // GraphiQL is amid a change of its state.
  queueMicrotask(() => fillTabs(values));
}
function fillTabs(previous) {
  state.tabs.forEach((tab, index) => {
    const isNew = tab.headers === null;
    tab.headers = fillHeaders(tab.headers, previous);
    tab.variables = fillVariables(tab.variables, previous);
    if (index === state.activeTabIndex) fillEditors(previous, isNew);
  });
}
function fillEditors(previous, isNew) {
  for (const model of globalThis.__MONACO?.editor.getModels() ?? []) {
    const fill = { 'headers.json': fillHeaders, 'variables.json': fillVariables }[/[a-z]+\\.json$/.exec(model.uri.path)?.[0]];
    const text = model.getValue();
    const filled = fill?.(text === '' && isNew ? null : text, previous);
    if (typeof filled === 'string' && filled !== text) model.setValue(filled);
  }
}
/** Null is a tab that GraphiQL opened by itself, or one of ours that nobody has changed. */
function fillHeaders(text, previous = values) {
  return fillText(text ?? headersTemplate, (name, value) =>
    name.toLowerCase() === 'authorization' && isCarried('token', String(value).replace(/^Bearer /, ''), previous)
      ? 'Bearer ' + values.token
      : value);
}
function fillVariables(text, previous = values) {
  return fillText(text, (name, value) => (name in carried && isCarried(name, value, previous) ? values[name] : value));
}
function isCarried(name, value, previous) {
  return value === carried[name].placeholder || value === previous[name] || earlier.includes(value);
}
function fillText(text, replace) {
  let parsed;
  try {
    parsed = JSON.parse(text);
  } catch {
    return text;
  }
  if (typeof parsed !== 'object' || parsed === null) return text;
  const filled = Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, replace(name, value)]));
  const isSame = Object.keys(parsed).every((name) => parsed[name] === filled[name]);
  return isSame ? text : JSON.stringify(filled, null, 2);
}
`;
