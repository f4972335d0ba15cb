import com.apollographql.apollo.api.Adapter
import com.apollographql.apollo.api.AnyAdapter
import com.apollographql.apollo.api.CompiledField
import com.apollographql.apollo.api.CustomScalarAdapters
import com.apollographql.apollo.api.Mutation
import com.apollographql.apollo.api.NullableAnyAdapter
import com.apollographql.apollo.api.ObjectType
import com.apollographql.apollo.api.Query
import com.apollographql.apollo.api.Subscription
import com.apollographql.apollo.api.Upload
import com.apollographql.apollo.api.json.JsonReader
import com.apollographql.apollo.api.json.JsonWriter
import com.apollographql.apollo.api.json.writeObject

/** Data of any operation, as JSON: the place of the classes that Apollo's compiler generates. */
class RawData(val json: Any?) : Query.Data, Mutation.Data, Subscription.Data

class RawQuery(private val raw: RawOperation) : Query<RawData> {
    override fun id() = raw.name
    override fun name() = raw.name
    override fun document() = raw.document
    override fun adapter() = RawAdapter
    override fun rootField() = raw.rootField("Query")
    override fun serializeVariables(writer: JsonWriter, customScalarAdapters: CustomScalarAdapters, withDefaultValues: Boolean) =
        raw.writeVariables(writer, customScalarAdapters)
}

class RawMutation(private val raw: RawOperation) : Mutation<RawData> {
    override fun id() = raw.name
    override fun name() = raw.name
    override fun document() = raw.document
    override fun adapter() = RawAdapter
    override fun rootField() = raw.rootField("Mutation")
    override fun serializeVariables(writer: JsonWriter, customScalarAdapters: CustomScalarAdapters, withDefaultValues: Boolean) =
        raw.writeVariables(writer, customScalarAdapters)
}

class RawSubscription(private val raw: RawOperation) : Subscription<RawData> {
    override fun id() = raw.name
    override fun name() = raw.name
    override fun document() = raw.document
    override fun adapter() = RawAdapter
    override fun rootField() = raw.rootField("Subscription")
    override fun serializeVariables(writer: JsonWriter, customScalarAdapters: CustomScalarAdapters, withDefaultValues: Boolean) =
        raw.writeVariables(writer, customScalarAdapters)
}

/** Text and variables of an operation. */
class RawOperation(val document: String, private val variables: Map<String, Any?>) {
    val name = Regex("\\w+ (\\w+)").find(document)?.groupValues?.get(1) ?: ""

    fun rootField(type: String): CompiledField = CompiledField.Builder("data", ObjectType.Builder(type).build()).build()

    fun writeVariables(writer: JsonWriter, adapters: CustomScalarAdapters) {
        for ((name, value) in variables) {
            writer.name(name)
            if (value is Upload) writer.value(value) else NullableAnyAdapter.toJson(writer, adapters, value)
        }
    }
}

object RawAdapter : Adapter<RawData> {
    override fun fromJson(reader: JsonReader, customScalarAdapters: CustomScalarAdapters) =
        RawData(AnyAdapter.fromJson(reader, customScalarAdapters))

    override fun toJson(writer: JsonWriter, customScalarAdapters: CustomScalarAdapters, value: RawData) =
        NullableAnyAdapter.toJson(writer, customScalarAdapters, value.json)
}
