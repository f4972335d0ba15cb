/** Types that the package has as comments alone. */
declare module 'apollo-upload-client/UploadHttpLink.mjs' {
  import type { ApolloLink } from '@apollo/client/core';

  const UploadHttpLink: new (options: {
    uri: string;
    headers?: Record<string, string>;
    fetch?: typeof fetch;
  }) => ApolloLink;
  // biome-ignore lint/style/noDefaultExport: the package has it so
  export default UploadHttpLink;
}
