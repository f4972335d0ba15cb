import com.apollographql.apollo.ApolloClient
import com.apollographql.apollo.annotations.ApolloExperimental
import com.apollographql.apollo.network.http.HttpNetworkTransport
import com.apollographql.apollo.network.websocket.GraphQLWsProtocol
import com.apollographql.apollo.network.websocket.WebSocketNetworkTransport

// snippet: client
/** Creates a client whose subscriptions use graphql-transport-ws, with the token in `connection_init`. */
@OptIn(ApolloExperimental::class)
fun createClient(url: String, token: String): ApolloClient {
    val payload = mapOf("authorization" to "Bearer $token")
    return ApolloClient.Builder()
        .serverUrl(url)
        .addHttpHeader("Authorization", "Bearer $token")
        .subscriptionNetworkTransport(
            WebSocketNetworkTransport.Builder().serverUrl(url).wsProtocol(GraphQLWsProtocol { payload }).build()
        )
        .build()
}
// end

// snippet: defaults
/** Creates a client by the defaults: the token is a header of every request, the WebSocket's upgrade among them. */
fun createDefaultClient(url: String, token: String): ApolloClient =
    ApolloClient.Builder().serverUrl(url).addHttpHeader("Authorization", "Bearer $token").build()
// end

// snippet: multipart
/** Creates a client that receives events as parts of an HTTP response. */
fun createMultipartClient(url: String, token: String): ApolloClient =
    ApolloClient.Builder()
        .serverUrl(url)
        .addHttpHeader("Authorization", "Bearer $token")
        .subscriptionNetworkTransport(HttpNetworkTransport.Builder().serverUrl(url).build())
        .build()
// end

// snippet: ws
/** Creates a client on the WebSocket transport that Apollo Kotlin 4 has by default, with the protocol graphql-transport-ws. */
fun createClientOf4(url: String, token: String): ApolloClient {
    val payload = mapOf("authorization" to "Bearer $token")
    return ApolloClient.Builder()
        .serverUrl(url)
        .addHttpHeader("Authorization", "Bearer $token")
        .wsProtocol(com.apollographql.apollo.network.ws.GraphQLWsProtocol.Factory(connectionPayload = { payload }))
        .build()
}
// end

// snippet: legacy
/** Creates a client by the defaults of Apollo Kotlin 4, with the protocol of subscriptions-transport-ws; it sends no header there. */
fun createLegacyClient(url: String, token: String): ApolloClient {
    val payload = mapOf("authorization" to "Bearer $token")
    return ApolloClient.Builder()
        .serverUrl(url)
        .addHttpHeader("Authorization", "Bearer $token")
        .wsProtocol(com.apollographql.apollo.network.ws.SubscriptionWsProtocol.Factory(connectionPayload = { payload }))
        .build()
}
// end
