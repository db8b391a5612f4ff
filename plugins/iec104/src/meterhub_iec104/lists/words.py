"""Words of the lists in Polish; in English they are as they stand in the code.

A test sees that every text of every list has its entry here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Language = Literal["en", "pl"]
Translate = Callable[[str], str]


def translator(language: Language) -> Translate:
    """What turns an English text into one of the language."""
    return (lambda text: POLISH.get(text, text)) if language == "pl" else lambda text: text


POLISH: dict[str, str] = {
    # both lists
    "Service": "Usługa",
    "Program": "Program",
    "Common address of ASDU": "Wspólny adres ASDU",
    "Made (UTC)": "Sporządzono (UTC)",
    "Type": "Typ",
    "None.": "Brak.",
    # signal list
    "Signal list": "Lista sygnałów",
    "Information objects": "Obiekty informacji",
    "Commands": "Polecenia",
    "Monitor direction": "Kierunek monitorowania",
    "Control direction": "Kierunek sterowania",
    "CA: common address of ASDU. TI: type identification. The unit is that of the data point. The value sent is "
    "that of the data point times the scaling; the value written is that of the command divided by it.": "CA: wspólny "
    "adres ASDU. TI: identyfikator typu. Jednostka dotyczy punktu danych. Wysyłana jest wartość punktu danych "
    "pomnożona przez mnożnik; zapisywana jest wartość z polecenia podzielona przez mnożnik.",
    "Direction": "Kierunek",
    "monitor": "monitorowanie",
    "control": "sterowanie",
    "CA": "CA",
    "IOA": "IOA",
    "TI": "TI",
    "Event TI": "TI zdarzeń",
    "Data point": "Punkt danych",
    "More points": "Kolejne punkty",
    "Unit": "Jednostka",
    "Scaling": "Mnożnik",
    "Push mode": "Tryb wysyłania",
    "Deadband": "Strefa nieczułości",
    "In percent": "W procentach",
    "Group": "Grupa",
    "Interrogation group": "Grupa odpytywania",
    "Counter group": "Grupa liczników",
    "Periodic (s)": "Okresowo (s)",
    "Background (s)": "W tle (s)",
    "ON, HIGHER": "ZAŁ, WYŻEJ",
    "OFF, LOWER": "WYŁ, NIŻEJ",
    "Step": "Krok",
    "Inverted": "Odwrócone",
    "Execution": "Wykonanie",
    "Qualifiers": "Kwalifikatory",
    "Return IOA": "IOA zwrotny",
    "Read back": "Odczyt zwrotny",
    "Time limit (s)": "Limit czasu (s)",
    "always": "zawsze",
    "change": "zmiana",
    "deadband": "strefa nieczułości",
    "never": "nigdy",
    "either": "dowolnie",
    "direct": "bezpośrednio",
    "select": "z wyborem",
    "none": "brak",
    "short-pulse": "krótki impuls",
    "long-pulse": "długi impuls",
    "persistent": "trwałe",
    # interoperability list
    "Interoperability list": "Lista interoperacyjności",
    "After IEC 60870-5-104, clause 9. X under supported: this server can do it in the standard direction. X in use: "
    "the configuration of this moment does it. Nothing is used in the reverse direction.": "Według IEC 60870-5-104, "
    "rozdział 9. X w kolumnie „Obsługiwane”: serwer umie to w kierunku standardowym. X w kolumnie „W użyciu”: robi to "
    "bieżąca konfiguracja. W kierunku odwrotnym nie jest używane nic.",
    "Section": "Rozdział",
    "Parameter": "Parametr",
    "Supported": "Obsługiwane",
    "In use": "W użyciu",
    "System or device": "System lub urządzenie",
    "System definition": "Definicja systemu",
    "Controlling station definition (master)": "Definicja stacji sterującej (master)",
    "Controlled station definition (slave)": "Definicja stacji sterowanej (slave)",
    "Network and transport": "Sieć i transport",
    "TCP/IP over Ethernet (IEEE 802.3)": "TCP/IP przez Ethernet (IEEE 802.3)",
    "Port number": "Numer portu",
    "Number of redundancy groups (event queues)": "Liczba grup redundancji (kolejek zdarzeń)",
    "Connections of a redundancy group, at most": "Połączenia grupy redundancji, najwyżej",
    "TLS after IEC 62351-3, versions 1.2 and 1.3": "TLS według IEC 62351-3, wersje 1.2 i 1.3",
    "TLS version at least": "Wersja TLS co najmniej",
    "Certificates of the masters are checked": "Certyfikaty stacji nadrzędnych są sprawdzane",
    "Application layer": "Warstwa aplikacji",
    "Transmission mode 1 (least significant octet first)": "Tryb transmisji 1 (najpierw najmniej znaczący oktet)",
    "Common address of ASDU: two octets": "Wspólny adres ASDU: dwa oktety",
    "Number of common addresses": "Liczba wspólnych adresów",
    "Information object address: three octets, unstructured": "Adres obiektu informacji: trzy oktety, bez struktury",
    "Cause of transmission: two octets, with originator address": "Przyczyna transmisji: dwa oktety, z adresem źródła",
    "Length of APDU in octets, at most": "Długość APDU w oktetach, najwyżej",
    "Time tags of events (CP56Time2a)": "Znaczniki czasu zdarzeń (CP56Time2a)",
    "Time zone of time tags": "Strefa czasowa znaczników czasu",
    "UTC, local with SU": "UTC, lokalna z SU",
    "Process information in monitor direction": "Informacje procesowe w kierunku monitorowania",
    "Process information in control direction": "Informacje procesowe w kierunku sterowania",
    "System information in monitor direction": "Informacje systemowe w kierunku monitorowania",
    "System information in control direction": "Informacje systemowe w kierunku sterowania",
    "Parameters in control direction": "Parametry w kierunku sterowania",
    "File transfer": "Przesyłanie plików",
    "Type identifications and causes of transmission": "Identyfikatory typów i przyczyny transmisji",
    "X: this type is sent or taken with this cause. 20 stands for 20 to 36, 37 for 37 to 41.": "X: ten typ jest "
    "wysyłany lub przyjmowany z tą przyczyną. 20 oznacza 20 do 36, 37 oznacza 37 do 41.",
    "Initialization and data acquisition": "Inicjalizacja i pozyskiwanie danych",
    "End of initialization after start": "Koniec inicjalizacji po uruchomieniu",
    "Remote initialization (reset process)": "Inicjalizacja zdalna (reset procesu)",
    "Cyclic data transmission": "Cykliczna transmisja danych",
    "Background scan": "Skanowanie w tle",
    "Read procedure": "Procedura odczytu",
    "Spontaneous transmission": "Transmisja spontaniczna",
    "Double transmission of information objects with cause spontaneous": "Podwójna transmisja obiektów informacji z "
    "przyczyną „spontanicznie”",
    "Interrogation": "Odpytywanie",
    "Global": "Ogólne",
    **{f"Group {number}": f"Grupa {number}" for number in range(1, 17)},
    "Direct command transmission": "Bezpośrednia transmisja poleceń",
    "Direct set point command transmission": "Bezpośrednia transmisja wartości zadanych",
    "Select and execute command": "Wybór i wykonanie polecenia",
    "Select and execute set point command": "Wybór i wykonanie wartości zadanej",
    "ACTTERM is used": "ACTTERM jest używany",
    "No additional definition": "Bez dodatkowego określenia",
    "Short pulse duration (the device makes the pulse)": "Krótki impuls (wytwarza go urządzenie)",
    "Long pulse duration (the device makes the pulse)": "Długi impuls (wytwarza go urządzenie)",
    "Persistent output": "Wyjście trwałe",
    "Return information (cause 11)": "Informacja zwrotna (przyczyna 11)",
    "Select time-out (s)": "Czas ważności wyboru (s)",
    "Supervision of the delay of commands and set points": "Nadzór opóźnienia poleceń i wartości zadanych",
    "Maximum age of a command (s)": "Największy wiek polecenia (s)",
    "Maximum time in the future (s)": "Największe wyprzedzenie czasu (s)",
    "Integrated totals": "Liczniki",
    "Mode A: local freeze with spontaneous transmission": "Tryb A: lokalne zamrożenie z transmisją spontaniczną",
    "Mode B: local freeze with counter interrogation": "Tryb B: lokalne zamrożenie z odpytywaniem liczników",
    "Mode C: freeze and transmit by counter interrogation commands": "Tryb C: zamrożenie i transmisja poleceniami "
    "odpytywania liczników",
    "Mode D: freeze by command, frozen values spontaneously": "Tryb D: zamrożenie poleceniem, zamrożone wartości "
    "spontanicznie",
    "Counter read": "Odczyt liczników",
    "Counter freeze without reset": "Zamrożenie liczników bez zerowania",
    "Counter freeze with reset": "Zamrożenie liczników z zerowaniem",
    "Counter reset": "Zerowanie liczników",
    "General request counter": "Ogólne żądanie liczników",
    **{f"Request counter group {number}": f"Żądanie grupy liczników {number}" for number in range(1, 5)},
    "Integrated totals spontaneously": "Liczniki spontanicznie",
    "Clock, test, parameters and files": "Zegar, test, parametry i pliki",
    "Clock synchronization (C_CS_NA_1)": "Synchronizacja zegara (C_CS_NA_1)",
    "Test procedure (C_TS_TA_1)": "Procedura testowa (C_TS_TA_1)",
    "Loading and activation of parameters": "Ładowanie i aktywacja parametrów",
    "File transfer in either direction": "Przesyłanie plików w dowolnym kierunku",
    "Time-outs and windows": "Limity czasu i okna",
    "T0: time-out of connection establishment (s)": "T0: limit czasu nawiązania połączenia (s)",
    "T1: time-out of sent or test APDUs (s)": "T1: limit czasu wysłanych lub testowych APDU (s)",
    "T2: time-out for acknowledgements (s)": "T2: limit czasu potwierdzeń (s)",
    "T3: time-out for test frames (s)": "T3: limit czasu ramek testowych (s)",
    "k: APDUs in I format sent without acknowledgement, at most": "k: APDU w formacie I wysłane bez potwierdzenia, "
    "najwyżej",
    "w: acknowledgement after so many APDUs in I format": "w: potwierdzenie po tylu APDU w formacie I",
    "1 - 255, default 30": "1 - 255, domyślnie 30",
    "1 - 255, default 15": "1 - 255, domyślnie 15",
    "1 - 254, default 10": "1 - 254, domyślnie 10",
    "1 - 172800, default 20": "1 - 172800, domyślnie 20",
    "1 - 32767, default 12": "1 - 32767, domyślnie 12",
    "1 - 32767, default 8": "1 - 32767, domyślnie 8",
}
"""Polish by English."""
