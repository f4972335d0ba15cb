import type { Plugin } from 'vite';

/** Replaces Relay's `graphql` tags by the artifacts of its compiler, as babel-plugin-relay does in an app. */
export function relayTags(): Plugin {
  return {
    name: 'relay-tags',
    enforce: 'pre',
    transform(code, id) {
      if (!id.endsWith('/relay.ts')) return null;
      const names: string[] = [];
      const body = code.replaceAll(/graphql`\s*\w+ (\w+)[^`]*`/g, (_, name: string) => {
        names.push(name);
        return `${name}Artifact`;
      });
      return names.map((name) => `import ${name}Artifact from './__generated__/${name}.graphql.ts';`).join(' ') + body;
    },
  };
}
