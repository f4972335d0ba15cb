/**
 * @generated SignedSource<<e244c67a60b82818d1c4dc98a52898d5>>
 * @lightSyntaxTransform
 * @codegen-command: npm run codegen
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

import { ConcreteRequest } from 'relay-runtime';
export type relayGuestMutation$variables = {
  name: string;
};
export type relayGuestMutation$data = {
  readonly guest: {
    readonly expiresAt: string;
    readonly refreshToken: string;
    readonly token: string;
    readonly user: {
      readonly id: string;
      readonly name: string;
    };
  } | null | undefined;
};
export type relayGuestMutation = {
  response: relayGuestMutation$data;
  variables: relayGuestMutation$variables;
};

const node: ConcreteRequest = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "name"
  }
],
v1 = [
  {
    "alias": null,
    "args": [
      {
        "fields": [
          {
            "kind": "Variable",
            "name": "name",
            "variableName": "name"
          }
        ],
        "kind": "ObjectValue",
        "name": "input"
      }
    ],
    "concreteType": "Session",
    "kind": "LinkedField",
    "name": "guest",
    "plural": false,
    "selections": [
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "token",
        "storageKey": null
      },
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "refreshToken",
        "storageKey": null
      },
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "expiresAt",
        "storageKey": null
      },
      {
        "alias": null,
        "args": null,
        "concreteType": "User",
        "kind": "LinkedField",
        "name": "user",
        "plural": false,
        "selections": [
          {
            "alias": null,
            "args": null,
            "kind": "ScalarField",
            "name": "id",
            "storageKey": null
          },
          {
            "alias": null,
            "args": null,
            "kind": "ScalarField",
            "name": "name",
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
    "name": "relayGuestMutation",
    "selections": (v1/*:: as any*/),
    "type": "Mutation",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "relayGuestMutation",
    "selections": (v1/*:: as any*/)
  },
  "params": {
    "cacheID": "d8572686bc0f32172af7796c74981925",
    "id": null,
    "metadata": {},
    "name": "relayGuestMutation",
    "operationKind": "mutation",
    "text": "mutation relayGuestMutation(\n  $name: String!\n) {\n  guest(input: {name: $name}) {\n    token\n    refreshToken\n    expiresAt\n    user {\n      id\n      name\n    }\n  }\n}\n"
  }
};
})();

(node as any).hash = "05a89fe30d7bbba3c0ab5060ecb34cbf";

export default node;
