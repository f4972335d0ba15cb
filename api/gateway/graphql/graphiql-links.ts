/**
 * Script for the head of GraphiQL's page: links to a query, `/graphql#query=…&variables=…`.
 *
 * GraphiQL would write the query of its editor into the query of the URL. A server cannot take a long one, and logs and proxies
 * see it. The fragment of a URL never leaves the browser. A link of the other form, `?query=…&variables=…`, is brought into this
 * one at once. Nothing is executed until the user presses play.
 *
 * `renderLinked` stands in for GraphiQL's own function. After a reload GraphiQL restores the tabs of the window, and activates the
 * one whose editors are stored as the present ones: the linked tab must be that one, or a new one with its query.
 */
export const linkScript = `
const linked = new URLSearchParams(location.hash.slice(1) || location.search);
function showLink(query) {
  history.replaceState(null, '', location.pathname + (query ? '#' + new URLSearchParams({ query }) : ''));
}
function readTabs() {
  try {
    const { tabs, activeTabIndex } = JSON.parse(sessionStorage.getItem('graphiql:tabState'));
    return { tabs: [...tabs], activeTabIndex };
  } catch {
    return { tabs: [], activeTabIndex: 0 };
  }
}
function findTab(query, variables) {
  const { tabs, activeTabIndex } = readTabs();
  const isLinked = (tab) => tab?.query === query && (variables === null || tab.variables === variables);
  return isLinked(tabs[activeTabIndex]) ? tabs[activeTabIndex] : tabs.find(isLinked);
}
function storeEditors(values) {
  for (const [name, value] of Object.entries(values)) {
    if (value) sessionStorage.setItem('graphiql:' + name, value);
    else sessionStorage.removeItem('graphiql:' + name);
  }
}
function openLink({ defaultTabs }) {
  const [query, variables] = [linked.get('query'), linked.get('variables')];
  if (query === null) return {};
  showLink(query);
  const present = findTab(query, variables);
  const headers = present ? present.headers : fillHeaders(null);
  storeEditors({ query, variables: present ? present.variables : variables, headers });
  return present ? {} : { query, variables: variables ?? '', defaultTabs: [{ query, variables, headers }, ...defaultTabs] };
}
function renderLinked(root, options) {
  const opened = openLink(options);
  addEventListener('hashchange', () => location.reload());
  YogaGraphiQL.renderYogaGraphiQL(root, {
    ...options,
    ...opened,
    onEditQuery() {},
    onTabChange(state) {
      followTabs(state);
      showLink(state.tabs[state.activeTabIndex].query);
    },
  });
}
`;
