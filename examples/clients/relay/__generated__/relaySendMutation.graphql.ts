/**
 * @generated SignedSource<<c23c8157bcf16234e321266332f7c0ae>>
 * @lightSyntaxTransform
 * @codegen-command: npm run codegen
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

import { ConcreteRequest } from 'relay-runtime';
export type MessageKind = "JOINED" | "LEFT" | "NOTICE" | "REMOVED" | "TEXT";
export type SendInput = {
  attachmentIds?: ReadonlyArray<string> | null | undefined;
  channelId: string;
  clientId?: string | null | undefined;
  data?: any | null | undefined;
  mentionIds?: ReadonlyArray<string> | null | undefined;
  mentionsAll?: boolean | null | undefined;
  replyToId?: string | null | undefined;
  text?: string;
};
export type relaySendMutation$variables = {
  input: SendInput;
};
export type relaySendMutation$data = {
  readonly send: {
    readonly message: {
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
  } | null | undefined;
};
export type relaySendMutation = {
  response: relaySendMutation$data;
  variables: relaySendMutation$variables;
};

const node: ConcreteRequest = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "input"
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
        "name": "input",
        "variableName": "input"
      }
    ],
    "concreteType": "SendPayload",
    "kind": "LinkedField",
    "name": "send",
    "plural": false,
    "selections": [
      {
        "alias": null,
        "args": null,
        "concreteType": "Message",
        "kind": "LinkedField",
        "name": "message",
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
    ],
    "storageKey": null
  }
];
return {
  "fragment": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": null,
    "name": "relaySendMutation",
    "selections": (v2/*:: as any*/),
    "type": "Mutation",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "relaySendMutation",
    "selections": (v2/*:: as any*/)
  },
  "params": {
    "cacheID": "d6c312008219747e38f778dd53540ed8",
    "id": null,
    "metadata": {},
    "name": "relaySendMutation",
    "operationKind": "mutation",
    "text": "mutation relaySendMutation(\n  $input: SendInput!\n) {\n  send(input: $input) {\n    message {\n      id\n      kind\n      clientId\n      seq\n      position\n      text\n      author {\n        id\n        name\n      }\n      attachments {\n        id\n        filename\n        url\n      }\n    }\n  }\n}\n"
  }
};
})();

(node as any).hash = "725f5a505ec26a944acc4f1ca542d49e";

export default node;
