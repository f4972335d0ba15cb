/**
 * @generated SignedSource<<1de6d6fef4e94c3c45ce38bcfc175742>>
 * @lightSyntaxTransform
 * @codegen-command: npm run codegen
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

import { ConcreteRequest } from 'relay-runtime';
export type relayCreateRoomMutation$variables = {
  name: string;
};
export type relayCreateRoomMutation$data = {
  readonly createRoom: {
    readonly id: string;
  } | null | undefined;
};
export type relayCreateRoomMutation = {
  response: relayCreateRoomMutation$data;
  variables: relayCreateRoomMutation$variables;
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
    "concreteType": "Channel",
    "kind": "LinkedField",
    "name": "createRoom",
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
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": null,
    "name": "relayCreateRoomMutation",
    "selections": (v1/*:: as any*/),
    "type": "Mutation",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "relayCreateRoomMutation",
    "selections": (v1/*:: as any*/)
  },
  "params": {
    "cacheID": "17c53550e13876f2c67a862a4642bd1c",
    "id": null,
    "metadata": {},
    "name": "relayCreateRoomMutation",
    "operationKind": "mutation",
    "text": "mutation relayCreateRoomMutation(\n  $name: String!\n) {\n  createRoom(input: {name: $name}) {\n    id\n  }\n}\n"
  }
};
})();

(node as any).hash = "53e3bc8785d6782366fcf83d2bc507ad";

export default node;
