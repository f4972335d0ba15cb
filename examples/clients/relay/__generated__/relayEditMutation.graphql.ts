/**
 * @generated SignedSource<<159817b12da6ca499a7a248953f12f79>>
 * @lightSyntaxTransform
 * @codegen-command: npm run codegen
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

import { ConcreteRequest } from 'relay-runtime';
export type MessageKind = "JOINED" | "LEFT" | "NOTICE" | "REMOVED" | "TEXT";
export type relayEditMutation$variables = {
  messageId: string;
  text: string;
};
export type relayEditMutation$data = {
  readonly editMessage: {
    readonly attachments: ReadonlyArray<{
      readonly filename: string;
      readonly id: string;
      readonly url: string;
    }>;
    readonly author: {
      readonly id: string;
      readonly name: string;
    };
    readonly clientId: string | null | undefined;
    readonly id: string;
    readonly kind: MessageKind;
    readonly position: number;
    readonly seq: number;
    readonly text: string;
  } | null | undefined;
};
export type relayEditMutation = {
  response: relayEditMutation$data;
  variables: relayEditMutation$variables;
};

const node: ConcreteRequest = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "messageId"
  },
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "text"
  }
],
v1 = {
  "alias": null,
  "args": null,
  "kind": "ScalarField",
  "name": "id",
  "storageKey": null
},
v2 = [
  {
    "alias": null,
    "args": [
      {
        "kind": "Variable",
        "name": "messageId",
        "variableName": "messageId"
      },
      {
        "kind": "Variable",
        "name": "text",
        "variableName": "text"
      }
    ],
    "concreteType": "Message",
    "kind": "LinkedField",
    "name": "editMessage",
    "plural": false,
    "selections": [
      (v1/*:: as any*/),
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "kind",
        "storageKey": null
      },
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "clientId",
        "storageKey": null
      },
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "seq",
        "storageKey": null
      },
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "position",
        "storageKey": null
      },
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "text",
        "storageKey": null
      },
      {
        "alias": null,
        "args": null,
        "concreteType": "User",
        "kind": "LinkedField",
        "name": "author",
        "plural": false,
        "selections": [
          (v1/*:: as any*/),
          {
            "alias": null,
            "args": null,
            "kind": "ScalarField",
            "name": "name",
            "storageKey": null
          }
        ],
        "storageKey": null
      },
      {
        "alias": null,
        "args": null,
        "concreteType": "Attachment",
        "kind": "LinkedField",
        "name": "attachments",
        "plural": true,
        "selections": [
          (v1/*:: as any*/),
          {
            "alias": null,
            "args": null,
            "kind": "ScalarField",
            "name": "filename",
            "storageKey": null
          },
          {
            "alias": null,
            "args": null,
            "kind": "ScalarField",
            "name": "url",
            "storageKey": null
          }
        ],
        "storageKey": null
      }
    ],
    "storageKey": null
  }
];
return {
  "fragment": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": null,
    "name": "relayEditMutation",
    "selections": (v2/*:: as any*/),
    "type": "Mutation",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "relayEditMutation",
    "selections": (v2/*:: as any*/)
  },
  "params": {
    "cacheID": "f979548cc7eadc5f50eafb4ab916a9ef",
    "id": null,
    "metadata": {},
    "name": "relayEditMutation",
    "operationKind": "mutation",
    "text": "mutation relayEditMutation(\n  $messageId: ID!\n  $text: String!\n) {\n  editMessage(messageId: $messageId, text: $text) {\n    id\n    kind\n    clientId\n    seq\n    position\n    text\n    author {\n      id\n      name\n    }\n    attachments {\n      id\n      filename\n      url\n    }\n  }\n}\n"
  }
};
})();

(node as any).hash = "faca6834c54261ed8e7819c243ac3def";

export default node;
