/** Style of GraphiQL's page, in addition to its own. On a phone its panes are on top of each other, and its side bar is at the bottom. */
export const pageStyle = `
/* Tabs keep an outdated offset after a new layout, move away under the pointer and miss the first click. */
.graphiql-tab { transform: none !important; }
body { margin: 0; }
.graphiql-container { height: 100dvh; width: 100%; }
.graphiql-logo a { display: flex; }
@media (max-width: 719px) {
  .graphiql-container { flex-direction: column-reverse; }
  .graphiql-container .graphiql-sidebar { flex-direction: row; width: 100%; padding: 0 8px; flex-shrink: 0; overflow: auto hidden; }
  .graphiql-container .graphiql-main { flex-direction: column; min-height: 0; }
  .graphiql-container .graphiql-main > div:has(.graphiql-plugin) { min-height: 45%; }
  .graphiql-container .graphiql-sessions { margin: 8px; min-height: 0; }
  .graphiql-container .graphiql-logo { font-size: 0; }
  .graphiql-container .graphiql-tab-button, .graphiql-container .graphiql-tab-add { min-height: 36px; }
  .graphiql-container #graphiql-session { flex-direction: column; min-height: 0; }
  .graphiql-container #graphiql-session > * { min-height: 0; }
  .graphiql-container .graphiql-horizontal-drag-bar { display: none; }
  .graphiql-container .graphiql-query-editor { padding: 8px; column-gap: 8px; }
  .graphiql-container .graphiql-editor-tool { padding: 8px; }
}
`;
