package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/site"
)

// smallBodyWithin is how long the body of a small request may take.
const smallBodyWithin = 5 * time.Second

// operation is a route of REST whose input and output are structs with huma's
// tags. huma describes and checks the values; huma.Register is not used, because
// the program would hold its whole code once for each pair of types: see ADR 0034.
type operation struct {
	huma.Operation
	server  *Server
	api     huma.API
	input   reflect.Type
	params  []parameter
	body    []int // index of the field Body; nil: none
	rawBody []int // index of the field RawBody, a []byte
	schema  *huma.Schema
	headers []header // of the answer
	answer  int      // index of the output's Body; -1: none
	streams string   // the type of what Stream writes
	stream  []int    // index of the output's Stream, a func(io.Writer) error that writes the answer; nil: none
	handle  func(ctx context.Context, in any) (out any, err error)
	// named requests of API keys change something once for each Idempotency-Key, and
	// repeats says how.
	named   bool
	repeats repeats
}

// parameter is a field of the input that stands in the path, the query or a header.
type parameter struct {
	index    []int
	in, name string
	unset    string // what it is when it is not there
	required bool
	schema   *huma.Schema
}

type header struct {
	index []int
	name  string
}

// describe reads the tags of the input and the output, and adds the operation to
// the document. It panics on types that it does not know.
func (o *operation) describe(input, output reflect.Type) {
	registry := o.api.OpenAPI().Components.Schemas
	o.input = input
	for _, f := range reflect.VisibleFields(input) {
		switch {
		case f.Anonymous:
		case f.Name == "Body":
			o.body = f.Index
			o.schema = huma.SchemaFromField(registry, f, hint(input, o.OperationID+"Request"))
			o.takes("application/json", o.schema)
		case f.Name == "RawBody":
			o.rawBody = f.Index
			o.takes(f.Tag.Get("contentType"), &huma.Schema{Type: "string", Format: "binary"})
		default:
			o.addParameter(registry, f)
		}
	}
	if o.named && o.repeats < appends { // the others declare it in their input
		o.describeRequestName(registry)
	}
	o.describeAnswer(registry, output)
	o.api.OpenAPI().AddOperation(&o.Operation)
}

func (o *operation) takes(contentType string, schema *huma.Schema) {
	schema.PrecomputeMessages()
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{contentType: {Schema: schema}}}
	if o.BodyReadTimeout == 0 {
		o.BodyReadTimeout = smallBodyWithin
	}
}

func (o *operation) addParameter(registry huma.Registry, f reflect.StructField) {
	p := parameter{index: f.Index, unset: f.Tag.Get("default"), required: f.Tag.Get("required") == "true"}
	documented := &huma.Param{}
	for _, in := range []string{"path", "query", "header"} {
		if name := f.Tag.Get(in); name != "" {
			p.in, p.name = in, name
		}
	}
	switch p.in {
	case "":
		panic(fmt.Sprintf("%s: the field %s stands nowhere in a request", o.OperationID, f.Name))
	case "path":
		p.required = true
	case "query":
		documented.Explode = new(bool)
	}
	p.schema = huma.SchemaFromField(registry, f, "")
	documented.Name, documented.In, documented.Required = p.name, p.in, p.required
	documented.Schema, documented.Description = p.schema, p.schema.Description
	o.params = append(o.params, p)
	o.Parameters = append(o.Parameters, documented)
}

func (o *operation) describeAnswer(registry huma.Registry, output reflect.Type) {
	o.answer = -1
	said := &huma.Response{}
	for _, f := range reflect.VisibleFields(output) {
		if f.Name == "Body" {
			o.answer = f.Index[0]
			schema := huma.SchemaFromField(registry, f, hint(output, o.OperationID+"Response"))
			said.Content = map[string]*huma.MediaType{"application/json": {Schema: schema}}
			continue
		}
		if f.Name == "Stream" {
			o.stream, o.streams = f.Index, f.Tag.Get("contentType")
			said.Content = map[string]*huma.MediaType{o.streams: {Schema: &huma.Schema{Type: "string", Format: "binary"}}}
			continue
		}
		h := header{index: f.Index, name: f.Tag.Get("header")}
		o.headers = append(o.headers, h)
		if said.Headers == nil {
			said.Headers = map[string]*huma.Param{}
		}
		f.Type = reflect.TypeFor[string]() // a cookie is told as text, too
		said.Headers[h.name] = &huma.Header{Schema: huma.SchemaFromField(registry, f, "")}
	}
	if o.DefaultStatus == 0 {
		o.DefaultStatus = http.StatusOK
		if o.answer < 0 && o.stream == nil {
			o.DefaultStatus = http.StatusNoContent
		}
	}
	said.Description = http.StatusText(o.DefaultStatus)
	o.Responses[strconv.Itoa(o.DefaultStatus)] = said
}

// hint names the schema of the body of a type that has a name: conversationsOutput's is
// Conversations. Clients that are generated from the document name their types so.
func hint(of reflect.Type, otherwise string) string {
	if of.Name() != "" {
		return strings.TrimSuffix(of.Name(), "Output")
	}
	return otherwise
}

// serve answers a request that has passed the middlewares.
func (o *operation) serve(ctx huma.Context) {
	in := reflect.New(o.input)
	body, p := o.read(ctx, in.Elem())
	if p != nil {
		o.server.refuse(o.api, ctx, p)
		return
	}
	do := func(ctx context.Context) (*done, error) { return o.do(ctx, in.Interface()) }
	var d *done
	var err error
	if o.named {
		d, err = o.once(ctx, body, do)
	} else {
		d, err = do(ctx.Context())
	}
	if err != nil {
		o.server.refuse(o.api, ctx, err)
		return
	}
	for name, text := range d.headers {
		ctx.SetHeader(name, text)
	}
	if len(d.body) > 0 {
		ctx.SetHeader("Content-Type", "application/json")
	}
	ctx.SetStatus(d.status)
	if d.stream != nil {
		o.writeStream(ctx, d.stream)
		return
	}
	_, _ = ctx.BodyWriter().Write(d.body) // what cannot be written now: the client has gone
}

// done is an answer as it goes out.
type done struct {
	status  int
	headers map[string]string
	body    []byte
	stream  func(io.Writer) error // writes the body as it is read; nil: it is there
	// appended tells that an event knows what was done.
	appended bool
}

// do has the handler do what is asked for.
func (o *operation) do(ctx context.Context, in any) (*done, error) {
	out, err := o.handle(ctx, in)
	if err != nil {
		return nil, err
	}
	d := &done{status: o.DefaultStatus, headers: map[string]string{}}
	if out == nil {
		return d, nil
	}
	if change, is := out.(*changedOutput); is {
		d.appended = change.Body.Event != nil
	}
	value := reflect.ValueOf(out).Elem()
	for _, h := range o.headers {
		if text := headerText(value.FieldByIndex(h.index)); text != "" {
			d.headers[h.name] = text
		}
	}
	if o.stream != nil {
		d.headers["Content-Type"] = o.streams
		d.stream, _ = value.FieldByIndex(o.stream).Interface().(func(io.Writer) error)
	}
	if o.answer < 0 {
		return d, nil
	}
	var body bytes.Buffer
	err = o.api.Marshal(&body, "application/json", value.Field(o.answer).Interface())
	d.body = body.Bytes()
	return d, err
}

// writeStream writes an answer as it comes. One that breaks off ends its connection, so
// that nobody takes it for whole.
func (o *operation) writeStream(ctx huma.Context, write func(io.Writer) error) {
	_, w := humago.Unwrap(ctx)
	if err := write(&patientWriter{w, http.NewResponseController(w)}); err != nil {
		o.server.log.WarnContext(ctx.Context(), "an answer broke off", "operation", o.OperationID, "error", err)
		panic(http.ErrAbortHandler)
	}
}

func headerText(field reflect.Value) string {
	if cookie, is := field.Addr().Interface().(*http.Cookie); is {
		return cookie.String()
	}
	return field.String()
}

// read fills the input, and tells the first thing that is wrong with it; body are the
// bytes of the request's.
func (o *operation) read(ctx huma.Context, in reflect.Value) (body []byte, p *Problem) {
	wrong := &huma.ValidateResult{}
	path := huma.NewPathBuffer(make([]byte, 0, 64), 0)
	for i := range o.params {
		o.params[i].read(o.api, ctx, in, path, wrong)
	}
	status := http.StatusUnprocessableEntity
	if o.RequestBody != nil {
		if body, p = o.readBody(ctx); p != nil {
			return nil, p
		}
		if o.rawBody != nil {
			in.FieldByIndex(o.rawBody).SetBytes(body)
		} else if s := o.parse(ctx.Header("Content-Type"), body, in, path, wrong); s != 0 {
			status = s
		}
	}
	if len(wrong.Errors) == 0 {
		return body, nil
	}
	p = problem(requestCode(status), sentence(wrong.Errors[0].Error()))
	p.status = status
	if first := (*huma.ErrorDetail)(nil); errors.As(wrong.Errors[0], &first) {
		p.Text, p.Field = sentence(first.Message), fieldName(first.Location)
	}
	return nil, p
}

// requestCode is the code of a request that is refused before anybody looks into it.
func requestCode(status int) chat.Code {
	switch status {
	case http.StatusUnprocessableEntity:
		return site.BadValue
	case http.StatusUnsupportedMediaType:
		return badMedia
	}
	return badRequest
}

func (p *parameter) read(api huma.API, ctx huma.Context, in reflect.Value, path *huma.PathBuffer, wrong *huma.ValidateResult) {
	var text string
	switch p.in {
	case "path":
		text = ctx.Param(p.name)
	case "query":
		text = ctx.Query(p.name)
	case "header":
		text = ctx.Header(p.name)
	}
	path.Reset()
	path.Push(p.in)
	path.Push(p.name)
	if text == "" {
		text = p.unset
	}
	if text == "" {
		if p.required {
			wrong.Add(path, "", "required "+p.in+" parameter is missing")
		}
		return
	}
	var value any = text
	switch field := in.FieldByIndex(p.index); field.Kind() {
	case reflect.String:
		field.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			wrong.Add(path, text, "send true or false")
			return
		}
		field.SetBool(b)
		value = b
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			wrong.Add(path, text, "invalid integer")
			return
		}
		field.SetInt(n)
		value = n
	default:
		panic("no parameter is a " + field.Type().String())
	}
	huma.Validate(api.OpenAPI().Components.Schemas, p.schema, path, huma.ModeWriteToServer, value, wrong)
}

// readBody reads the body within its bounds.
func (o *operation) readBody(ctx huma.Context) ([]byte, *Problem) {
	switch {
	case o.BodyReadTimeout > 0:
		_ = ctx.SetReadDeadline(time.Now().Add(o.BodyReadTimeout)) // where there is none, the server's holds
	case o.BodyReadTimeout < 0:
		_ = ctx.SetReadDeadline(time.Time{})
	}
	var body []byte
	var err error
	if reader := ctx.BodyReader(); reader != nil {
		body, err = io.ReadAll(io.LimitReader(reader, o.MaxBodyBytes+1))
	}
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		p := problem(badRequest, "The body did not come in time.")
		p.status = http.StatusRequestTimeout
		return nil, p
	case err != nil:
		return nil, problem(badRequest, "The body did not come whole.")
	case int64(len(body)) > o.MaxBodyBytes:
		return nil, problem(tooLarge, "The body is longer than "+strconv.FormatInt(o.MaxBodyBytes, 10)+" bytes.")
	case len(body) == 0:
		return nil, problem(badRequest, "This needs a body.")
	}
	return body, nil
}

// parse checks a body and fills the input with it; the status says what is wrong
// if it is not what a field says.
func (o *operation) parse(contentType string, body []byte, in reflect.Value, path *huma.PathBuffer, wrong *huma.ValidateResult) (status int) {
	path.Reset()
	path.Push("body")
	var parsed any
	if err := o.api.Unmarshal(contentType, body, &parsed); err != nil {
		wrong.Add(path, nil, err.Error())
		if errors.Is(err, huma.ErrUnknownContentType) {
			return http.StatusUnsupportedMediaType
		}
		return http.StatusBadRequest
	}
	before := len(wrong.Errors)
	huma.Validate(o.api.OpenAPI().Components.Schemas, o.schema, path, huma.ModeWriteToServer, parsed, wrong)
	if len(wrong.Errors) > before {
		return 0
	}
	// huma has looked at one member of each name, in whatever case; this one takes no other.
	err := json.Unmarshal(body, in.FieldByIndex(o.body).Addr().Interface(), json.RejectUnknownMembers(true))
	switch {
	case errors.Is(err, json.ErrUnknownName), errors.Is(err, jsontext.ErrDuplicateName):
		wrong.Add(path, nil, "send each member once, under its name, in the case that the document has")
	case err != nil:
		wrong.Add(path, nil, err.Error())
	default:
		return 0
	}
	return http.StatusUnprocessableEntity
}
