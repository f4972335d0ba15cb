/**
 * @generated SignedSource<<11ad2e47bbce39afa3e1ba32a664179e>>
 * @lightSyntaxTransform
 * @codegen-command: npm run codegen
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

import { ConcreteRequest } from 'relay-runtime';
export type MessageKind = "JOINED" | "LEFT" | "NOTICE" | "REMOVED" | "TEXT";
export type relayMessagesSubscription$variables = {
  after: number;
  channelId: string;
};
export type relayMessagesSubscription$data = {
  readonly messages: {
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
  };
};
export type relayMessagesSubscription = {
  response: relayMessagesSubscription$data;
  variables: relayMessagesSubscription$variables;
};

const node: ConcreteRequest = (function(){
var v0 = {
  "defaultValue": null,
  "kind": "LocalArgument",
  "name": "after"
},
v1 = {
  "defaultValue": null,
  "kind": "LocalArgument",
  "name": "channelId"
},
v2 = {
  "alias": null,
  "args": null,
  "kind": "ScalarField",
  "name": "id",
  "storageKey": null
},
v3 = [
  {
    "alias": null,
    "args": [
      {
        "kind": "Variable",
        "name": "after",
        "variableName": "after"
      },
      {
        "kind": "Variable",
        "name": "channelId",
        "variableName": "channelId"
      }
    ],
    "concreteType": "Message",
    "kind": "LinkedField",
    "name": "messages",
    "plural": false,
    "selections": [
      (v2/*:: as any*/),
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
          (v2/*:: as any*/),
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
          (v2/*:: as any*/),
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
    "argumentDefinitions": [
      (v0/*:: as any*/),
      (v1/*:: as any*/)
    ],
    "kind": "Fragment",
    "metadata": null,
    "name": "relayMessagesSubscription",
    "selections": (v3/*:: as any*/),
    "type": "Subscription",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": [
      (v1/*:: as any*/),
      (v0/*:: as any*/)
    ],
    "kind": "Operation",
    "name": "relayMessagesSubscription",
    "selections": (v3/*:: as any*/)
  },
  "params": {
    "cacheID": "8af1691d857e2477378046f5d2627f61",
    "id": null,
    "metadata": {},
    "name": "relayMessagesSubscription",
    "operationKind": "subscription",
    "text": "subscription relayMessagesSubscription(\n  $channelId: ID!\n  $after: Int!\n) {\n  messages(channelId: $channelId, after: $after) {\n    id\n    kind\n    clientId\n    seq\n    position\n    text\n    author {\n      id\n      name\n    }\n    attachments {\n      id\n      filename\n      url\n    }\n  }\n}\n"
  }
};
})();

(node as any).hash = "d926b5792c631260e9c2a84b264a5de4";

export default node;
