/**
 * @generated SignedSource<<c0dcc02446ab79ea20c95e53d983f153>>
 * @lightSyntaxTransform
 * @codegen-command: npm run codegen
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

import { ConcreteRequest } from 'relay-runtime';
export type relayUploadMutation$variables = {
  channelId?: string | null | undefined;
  file: null;
};
export type relayUploadMutation$data = {
  readonly upload: {
    readonly id: string;
  } | null | undefined;
};
export type relayUploadMutation = {
  response: relayUploadMutation$data;
  variables: relayUploadMutation$variables;
};

const node: ConcreteRequest = (function(){
var v0 = {
  "defaultValue": null,
  "kind": "LocalArgument",
  "name": "channelId"
},
v1 = {
  "defaultValue": null,
  "kind": "LocalArgument",
  "name": "file"
},
v2 = [
  {
    "alias": null,
    "args": [
      {
        "kind": "Variable",
        "name": "channelId",
        "variableName": "channelId"
      },
      {
        "kind": "Variable",
        "name": "file",
        "variableName": "file"
      }
    ],
    "concreteType": "Attachment",
    "kind": "LinkedField",
    "name": "upload",
    "plural": false,
    "selections": [
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "id",
        "storageKey": null
      }
    ],
    "storageKey": null
  }
];
return {
  "fragment": {
    "argumentDefinitions": [
      (v0/*:: as any*/),
      (v1/*:: as any*/)
    ],
    "kind": "Fragment",
    "metadata": null,
    "name": "relayUploadMutation",
    "selections": (v2/*:: as any*/),
    "type": "Mutation",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": [
      (v1/*:: as any*/),
      (v0/*:: as any*/)
    ],
    "kind": "Operation",
    "name": "relayUploadMutation",
    "selections": (v2/*:: as any*/)
  },
  "params": {
    "cacheID": "9f514e64d95e4f68b06a0d37866b2af1",
    "id": null,
    "metadata": {},
    "name": "relayUploadMutation",
    "operationKind": "mutation",
    "text": "mutation relayUploadMutation(\n  $file: Upload!\n  $channelId: ID\n) {\n  upload(file: $file, channelId: $channelId) {\n    id\n  }\n}\n"
  }
};
})();

(node as any).hash = "0f9223da30f3558aab9ae57540c44718";

export default node;
