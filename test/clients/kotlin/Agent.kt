import com.apollographql.apollo.ApolloClient
import com.apollographql.apollo.api.AnyAdapter
import com.apollographql.apollo.api.ApolloResponse
import com.apollographql.apollo.api.CustomScalarAdapters
import com.apollographql.apollo.api.DefaultUpload
import com.apollographql.apollo.api.NullableAnyAdapter
import com.apollographql.apollo.api.json.buildJsonString
import com.apollographql.apollo.api.json.jsonReader
import com.apollographql.apollo.exception.ApolloWebSocketClosedException
import com.apollographql.apollo.exception.SubscriptionOperationException
import java.io.File
import java.util.concurrent.ConcurrentHashMap
import kotlin.system.exitProcess
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch
import okio.Buffer
import okio.ByteString.Companion.toByteString

private val scope = CoroutineScope(Dispatchers.Default)
private val subscriptions = ConcurrentHashMap<String, Job>()

/** Carries out the orders of a test: lines of fields between tabs, as `test/clients/agent.ts` writes and reads them. */
fun main(arguments: Array<String>) {
    val (url, transport) = arguments
    generateSequence(::readLine).forEach { line ->
        val order = line.split("\t")
        val job = scope.launch { carryOut(url, transport, order) }
        if (order[0] == "follow") subscriptions[order[1]] = job
    }
    exitProcess(0)
}

private suspend fun carryOut(url: String, transport: String, order: List<String>) {
    val id = order[1]
    if (order[0] == "stop") return subscriptions.remove(id)?.cancel() ?: Unit
    val client = createClient(transport, url, order[2])
    try {
        when (order[0]) {
            "follow" -> follow(client, id, order[3])
            else -> say(id, "result", execute(client, order[3], order.getOrNull(4)))
        }
    } catch (error: CancellationException) {
        throw error
    } catch (error: Throwable) {
        say(id, "failed", error.toString())
    } finally {
        client.close()
    }
}

private fun createClient(transport: String, url: String, token: String): ApolloClient =
    when (transport) {
        "graphql-transport-ws" -> createClient(url, token)
        "graphql-ws" -> createLegacyClient(url, token)
        "network.ws" -> createClientOf4(url, token)
        "multipart" -> createMultipartClient(url, token)
        else -> createDefaultClient(url, token)
    }

private suspend fun execute(client: ApolloClient, operation: String, file: String?): String {
    val raw = readOperation(operation, file)
    if (raw.document.startsWith("query")) return toJson(client.query(RawQuery(raw)).execute())
    return toJson(client.mutation(RawMutation(raw)).execute())
}

private suspend fun follow(client: ApolloClient, id: String, operation: String) {
    client.subscription(RawSubscription(readOperation(operation, null))).toFlow().collect { response ->
        when (val exception = response.exception) {
            null -> say(id, "event", toJson(response))
            is SubscriptionOperationException -> say(id, "event", errorsToJson(exception.payload))
            else -> say(id, "closed", closeCodeOf(exception).toString())
        }
    }
    say(id, "closed", "1000")
}

/** The older protocol refuses a token by `connection_error`, which is a text in the message of the exception. */
private fun closeCodeOf(exception: Throwable): Int {
    val causes = generateSequence(exception) { it.cause }
    if (causes.any { "code=UNAUTHENTICATED" in it.message.orEmpty() }) return 4403
    return causes.filterIsInstance<ApolloWebSocketClosedException>().firstOrNull()?.code ?: 1006
}

private fun readOperation(operation: String, file: String?): RawOperation {
    val json = AnyAdapter.fromJson(Buffer().writeUtf8(operation).jsonReader(), CustomScalarAdapters.Empty) as Map<*, *>
    @Suppress("UNCHECKED_CAST")
    val variables = json["variables"] as Map<String, Any?>
    val upload = file?.let { mapOf("file" to toUpload(File(it))) } ?: mapOf()
    return RawOperation(json["query"] as String, variables + upload)
}

private fun toUpload(file: File) =
    DefaultUpload.Builder()
        .fileName(file.name)
        .contentType("image/png")
        .content(file.readBytes().toByteString())
        .build()

private fun toJson(response: ApolloResponse<RawData>): String {
    response.exception?.let { throw it }
    val errors = response.errors?.map { mapOf("message" to it.message, "extensions" to it.extensions) }
    return write(mapOf("data" to response.data?.json, "errors" to errors).filterValues { it != null })
}

private fun errorsToJson(payload: Any?): String = write(mapOf("errors" to payload))

private fun write(value: Any?): String = buildJsonString { NullableAnyAdapter.toJson(this, CustomScalarAdapters.Empty, value) }

@Synchronized
private fun say(id: String, kind: String, text: String) = println("$id\t$kind\t$text")
