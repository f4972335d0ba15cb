import {
  GraphQLID,
  GraphQLInt,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLScalarType,
  GraphQLSchema,
  GraphQLString,
} from 'graphql';

const required = (type: GraphQLScalarType) => ({ type: new GraphQLNonNull(type) });
const User = new GraphQLObjectType({
  name: 'User',
  fields: { id: required(GraphQLID), name: required(GraphQLString) },
});
const Message = new GraphQLObjectType({
  name: 'Message',
  fields: {
    id: required(GraphQLID),
    seq: required(GraphQLInt),
    position: required(GraphQLInt),
    text: required(GraphQLString),
    author: { type: new GraphQLNonNull(User) },
  },
});

/**
 * The part of Parley's schema that the benchmark subscribes to.
 * @param follow subscribes to the messages of a room
 */
export function createPeerSchema(follow: (room: string) => AsyncIterable<unknown>): GraphQLSchema {
  return new GraphQLSchema({
    query: new GraphQLObjectType({ name: 'Query', fields: { hello: { type: GraphQLString } } }),
    subscription: new GraphQLObjectType({
      name: 'Subscription',
      fields: {
        messages: {
          type: new GraphQLNonNull(Message),
          args: { channelId: required(GraphQLID) },
          subscribe: (_root, { channelId }: { channelId: string }) => follow(channelId),
          resolve: (message: unknown) => message,
        },
      },
    }),
  });
}
