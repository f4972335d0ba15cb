/**
 * A WebSocket as a client of a platform that does not run here opens and uses it. Texts have the placeholders `{host}`,
 * `{token}`, `{query}` and `{channelId}`.
 */
export interface SocketOpening {
  client: string;
  /** Files of the client's repository from which the messages and the subprotocol are taken. */
  source: string;
  /** Lines of the upgrade request that the client or its platform adds to the ones that RFC 6455 requires. */
  headers: readonly string[];
  /** The first message. */
  init: string;
  /** Messages that the client sends after `connection_ack`. */
  subscribe: readonly string[];
  complete: string;
}

/** A request over HTTP. It has the same placeholders. */
export interface RequestOpening {
  client: string;
  source: string;
  headers: readonly string[];
  body: string;
}

const urlSession = [
  'Accept: */*',
  'Accept-Encoding: gzip, deflate',
  'Accept-Language: en-GB,en;q=0.9',
  'User-Agent: App/1 CFNetwork/3826.500.131 Darwin/24.5.0',
];
const dartUpgrade = [
  'user-agent: Dart/3.9 (dart:io)',
  'cache-control: no-cache',
  'accept-encoding: gzip',
  'content-length: 0',
  'sec-websocket-extensions: permessage-deflate; client_max_window_bits',
];
const appleNames = ['apollographql-client-name: org.example.App-apollo-ios', 'apollographql-client-version: 1.0+1'];

/** Openings of WebSockets, by the clients' defaults but for a payload with the token, and the current subprotocol. */
export const socketOpenings: readonly SocketOpening[] = [
  {
    client: 'Apollo iOS 2',
    source: 'apollographql/apollo-ios 2.4.0: ApolloWebSocket/WebSocketTransport.swift, WebSocketMessage.swift',
    headers: [
      'Sec-WebSocket-Protocol: graphql-transport-ws',
      'Sec-WebSocket-Extensions: permessage-deflate',
      ...appleNames,
      ...urlSession,
    ],
    init: '{"type":"connection_init","payload":{"authorization":"Bearer {token}"}}',
    subscribe: [
      '{"type":"subscribe","id":"1","payload":{"extensions":{"clientLibrary":{"name":"apollo-ios","version":"2.4.0"}},"operationName":"Messages","query":"{query}","variables":{"channelId":"{channelId}"}}}',
    ],
    complete: '{"type":"complete","id":"1"}',
  },
  {
    client: 'graphql_flutter, with GraphQLProtocol.graphqlTransportWs',
    source: 'zino-hofmann/graphql-flutter 5.2.4: websocket_link/websocket_client.dart, websocket_messages.dart',
    headers: ['sec-websocket-protocol: graphql-transport-ws', ...dartUpgrade],
    init: '{"type":"connection_init","payload":{"Authorization":"Bearer {token}"}}',
    subscribe: [
      '{"type":"subscribe","id":"8d8f2f2e-3a6a-4e0b-8a64-7d0f5d2c9f10","payload":{"operationName":"Messages","variables":{"channelId":"{channelId}"},"query":"{query}"}}',
      '{"type":"ping","payload":{}}',
    ],
    complete: '{"type":"complete","id":"8d8f2f2e-3a6a-4e0b-8a64-7d0f5d2c9f10"}',
  },
  {
    client: 'Ferry, with TransportWebSocketLink',
    source: 'gql-dart/gql, gql_websocket_link 2.1.0: graphql_transport_ws.dart, transport_ws_common.dart',
    headers: ['sec-websocket-protocol: graphql-transport-ws', ...dartUpgrade],
    init: '{"type":"connection_init","payload":{"authorization":"Bearer {token}"}}',
    subscribe: [
      '{"id":"5b0f6d5a-1a0a-4b0f-9d3a-2f6f8c0c7f11","type":"subscribe","payload":{"operationName":"Messages","variables":{"channelId":"{channelId}"},"query":"{query}"}}',
    ],
    complete: '{"id":"5b0f6d5a-1a0a-4b0f-9d3a-2f6f8c0c7f11","type":"complete"}',
  },
];

const dartHttp = ['user-agent: Dart/3.9 (dart:io)', 'accept-encoding: gzip', 'authorization: Bearer {token}'];
const accept = 'Accept: multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json';

/** Queries over HTTP, by the clients' defaults. */
export const queryOpenings: readonly RequestOpening[] = [
  {
    client: 'Apollo iOS 2',
    source: 'apollographql/apollo-ios 2.4.0: Apollo/JSONRequest.swift, RequestBodyCreator.swift',
    headers: ['Content-Type: application/json', accept, 'Authorization: Bearer {token}', ...appleNames],
    body: '{"extensions":{"clientLibrary":{"name":"apollo-ios","version":"2.4.0"}},"operationName":"Me","query":"query Me { me { name } }"}',
  },
  {
    client: 'graphql_flutter and Ferry',
    source: 'gql-dart/gql, gql_http_link 1.2.0: link.dart',
    headers: ['content-type: application/json', 'accept: */*', ...dartHttp],
    body: '{"operationName":"Me","variables":{},"query":"query Me {\\n  me {\\n    name\\n  }\\n}"}',
  },
];

const uploadQuery =
  '"query":"mutation Upload($file: Upload!, $channelId: ID) { upload(file: $file, channelId: $channelId) { id } }"';

/** Uploads, by the clients' defaults. */
export const uploadOpenings: readonly RequestOpening[] = [
  {
    client: 'Apollo iOS 2',
    source: 'apollographql/apollo-ios 2.4.0: Apollo/RequestChain/UploadRequest.swift, MultipartFormData.swift',
    headers: [
      'Content-Type: multipart/form-data; boundary=apollo-ios.boundary.A1',
      'Authorization: Bearer {token}',
      ...appleNames,
      ...urlSession,
    ],
    body: form('apollo-ios.boundary.A1', [
      ['Content-Disposition: form-data; name="operations"'],
      `{"operationName":"Upload",${uploadQuery},"variables":{"channelId":"{channelId}","file":null}}`,
      ['Content-Disposition: form-data; name="map"'],
      '{"0":["variables.file"]}',
      ['Content-Disposition: form-data; name="0"; filename="note.txt"', 'Content-Type: text/plain'],
      'a note',
    ]),
  },
  {
    client: 'graphql_flutter and Ferry',
    source: 'gql-dart/gql, gql_http_link 1.2.0: link.dart, _utils.dart',
    headers: ['content-type: multipart/form-data; boundary=dart-http-boundary-B2', 'accept: */*', ...dartHttp],
    body: `${form('dart-http-boundary-B2', [
      ['content-disposition: form-data; name="operations"'],
      `{"operationName":"Upload","variables":{"file":null,"channelId":"{channelId}"},${uploadQuery}}`,
      ['content-disposition: form-data; name="map"'],
      '{"0":["variables.file"]}',
      ['content-type: text/plain', 'content-disposition: form-data; name="0"; filename="note.txt"'],
      'a note',
    ])}\r\n`,
  },
];

/** Returns a form of parts: the headers of each and its content. It ends without a line break, as Apollo iOS sends it. */
function form(boundary: string, parts: readonly (string | readonly string[])[]): string {
  const lines = parts.flatMap((part) => (typeof part === 'string' ? [part] : [`--${boundary}`, ...part, '']));
  return [...lines, `--${boundary}--`].join('\r\n');
}
