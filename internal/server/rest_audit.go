package server

import (
	"context"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
)

// AuditEntry says who did what to whom, when and from where.
type AuditEntry struct {
	ID      string            `json:"id"`
	At      int64             `json:"at"`
	What    string            `json:"what" doc:"logged_in, site_changed, role_set, …; words are the client's."`
	By      *AuditPerson      `json:"by,omitempty" doc:"Absent: nobody who was logged in."`
	Address string            `json:"address,omitempty" doc:"Absent: from the command line."`
	Site    string            `json:"site,omitempty"`
	Agent   *AuditPerson      `json:"agent,omitempty" doc:"To whom it was done."`
	Detail  map[string]string `json:"detail,omitempty"`
}

// AuditPerson is an agent, with the name it had then or, for Agent, has now.
type AuditPerson struct {
	ID   string `json:"id,omitempty"`
	Kind string `json:"kind" doc:"agent or system."`
	Name string `json:"name,omitempty"`
}

type (
	// AuditQuery asks for a page.
	AuditQuery struct {
		Before string `query:"before" maxLength:"20" doc:"The id of the last entry of the page before."`
		Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"200"`
	}
	siteAuditQuery struct {
		SitePath
		AuditQuery
	}
	auditOutput struct {
		Body struct {
			Entries []AuditEntry `json:"entries" nullable:"false" doc:"Newest first."`
		}
	}
)

// trail are the routes that read the audit.
func (r *routes) trail() {
	serve(r, onlyOwner(), op{method: "GET", path: "/audit", id: "list-audit", summary: "The audit of the installation and all sites"},
		func(ctx context.Context, _ caller, in *AuditQuery) (*auditOutput, error) {
			return r.entries(ctx, 0, *in)
		})
	serve(r, onSite(chat.RoleAdmin), op{method: "GET", path: "/sites/{site}/audit", id: "list-site-audit", summary: "The audit of a site"},
		func(ctx context.Context, c caller, in *siteAuditQuery) (*auditOutput, error) {
			return r.entries(ctx, c.site.ID, in.AuditQuery)
		})
}

func (r *routes) entries(ctx context.Context, on chat.SiteID, q AuditQuery) (*auditOutput, error) {
	query := audit.Query{Site: on, Limit: q.Limit}
	if q.Before != "" {
		before, err := parseID[int64](q.Before)
		if err != nil {
			return nil, err
		}
		query.Before = before
	}
	entries, err := r.server.parts.Audit.Entries(ctx, query)
	if err != nil {
		return nil, err
	}
	out := &auditOutput{}
	out.Body.Entries = make([]AuditEntry, len(entries))
	for i, e := range entries {
		out.Body.Entries[i] = r.auditEntry(e)
	}
	return out, nil
}

func (r *routes) auditEntry(e audit.Entry) AuditEntry {
	out := AuditEntry{ID: idText(e.ID), At: int64(e.At), What: string(e.What), Address: e.Address, Detail: e.Detail}
	if e.By.Kind != "" {
		out.By = &AuditPerson{Kind: string(e.By.Kind), Name: e.By.Name}
		if e.By.ID != 0 {
			out.By.ID = idText(e.By.ID)
		}
	}
	if e.Site != 0 {
		out.Site = idText(e.Site)
	}
	if e.Agent != 0 {
		out.Agent = &AuditPerson{ID: idText(e.Agent), Kind: string(chat.AgentActor)}
		if a, ok := r.server.parts.People.Agent(e.Agent); ok {
			out.Agent.Name = a.Name
		}
	}
	return out
}
