/* Written by libical; see calendar.h. */
#include "calendar.h"

#include <libical/ical.h>
#include <string.h>

#define PRODUCT "-//Tithi//Tithi " TITHI_VERSION "//EN"

/* A value without control characters, but for line breaks, which libical escapes. */
static char *clean(const char *text, struct pool *pool) {
    char *copy = pool_text(pool, text);
    for (char *at = copy; *at; at++)
        if (((unsigned char)*at < ' ' && *at != '\n') || *at == 0x7f)
            *at = ' ';
    return copy;
}

/* Parameters are quoted at most, so a quotation mark cannot stand in one, nor can a line end. */
static char *clean_parameter(const char *text, struct pool *pool) {
    char *copy = clean(text, pool);
    for (char *at = copy; *at; at++)
        if (*at == '"' || *at == '\n')
            *at = *at == '"' ? '\'' : ' ';
    return copy;
}

static struct icaltimetype moment(int64_t wall_s) {
    return icaltime_from_timet_with_zone((time_t)wall_s, 0, icaltimezone_get_utc_timezone());
}

static icalproperty *organizer(const struct mailbox *from, struct pool *pool) {
    icalproperty *property = icalproperty_new_organizer(pool_printf(pool, "mailto:%s", from->address));
    if (from->name[0])
        icalproperty_add_parameter(property, icalparameter_new_cn(clean_parameter(from->name, pool)));
    return property;
}

/* Who has booked has accepted already; there is nobody to send an answer to. */
static icalproperty *attendee(const struct calendar *calendar, struct pool *pool) {
    icalproperty *property = icalproperty_new_attendee(pool_printf(pool, "mailto:%s", calendar->attendee));
    icalproperty_add_parameter(property, icalparameter_new_cutype(ICAL_CUTYPE_INDIVIDUAL));
    icalproperty_add_parameter(property, icalparameter_new_role(ICAL_ROLE_REQPARTICIPANT));
    icalproperty_add_parameter(property, icalparameter_new_partstat(ICAL_PARTSTAT_ACCEPTED));
    icalproperty_add_parameter(property, icalparameter_new_rsvp(ICAL_RSVP_FALSE));
    if (calendar->attendee_name && *calendar->attendee_name)
        icalproperty_add_parameter(property, icalparameter_new_cn(clean_parameter(calendar->attendee_name, pool)));
    return property;
}

static void add_optional(icalcomponent *event, icalproperty *make(const char *text), const char *text,
                         struct pool *pool) {
    if (text && *text)
        icalcomponent_add_property(event, make(clean(text, pool)));
}

static icalcomponent *event_of(const struct calendar *calendar, struct pool *pool) {
    icalcomponent *event = icalcomponent_new_vevent();
    icalcomponent_add_property(event, icalproperty_new_uid(clean_parameter(calendar->uid, pool)));
    icalcomponent_add_property(event, icalproperty_new_dtstamp(moment(calendar->stamp_s)));
    icalcomponent_add_property(event, icalproperty_new_sequence((int)calendar->sequence));
    icalcomponent_add_property(event, icalproperty_new_dtstart(moment(calendar->start_s)));
    if (calendar->end_s)
        icalcomponent_add_property(event, icalproperty_new_dtend(moment(calendar->end_s)));
    icalcomponent_add_property(
        event, icalproperty_new_status(calendar->cancelled ? ICAL_STATUS_CANCELLED : ICAL_STATUS_CONFIRMED));
    icalcomponent_add_property(event, icalproperty_new_summary(clean(calendar->summary, pool)));
    add_optional(event, icalproperty_new_location, calendar->location, pool);
    add_optional(event, icalproperty_new_description, calendar->description, pool);
    if (calendar->url && *calendar->url)
        icalcomponent_add_property(event, icalproperty_new_url(clean_parameter(calendar->url, pool)));
    icalcomponent_add_property(event, organizer(calendar->organizer, pool));
    icalcomponent_add_property(event, attendee(calendar, pool));
    return event;
}

const char *calendar_text(const struct calendar *calendar, struct pool *pool) {
    icalerror_set_errors_are_fatal(false);
    icalcomponent *whole = icalcomponent_new_vcalendar();
    icalcomponent_add_property(whole, icalproperty_new_prodid(PRODUCT));
    icalcomponent_add_property(whole, icalproperty_new_version("2.0"));
    icalcomponent_add_property(whole,
                               icalproperty_new_method(calendar->cancelled ? ICAL_METHOD_CANCEL : ICAL_METHOD_REQUEST));
    icalcomponent_add_component(whole, event_of(calendar, pool));
    char *written = icalcomponent_as_ical_string_r(whole);
    const char *text = written ? pool_text(pool, written) : NULL;
    icalcomponent_free(whole);
    icalmemory_free_buffer(written);
    return text;
}
